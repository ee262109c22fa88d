using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>Losses of the tasks that are not about the next token, as Hugging Face's heads compute them. All are scalars in fp32.</summary>
public static class TaskLoss
{
    /// <summary>
    /// Labels of texts: mean squared error with one label, cross-entropy with whole numbers, binary cross-entropy per label with fractions;
    /// the config's <c>problem_type</c> wins over this guess.
    /// </summary>
    /// <param name="logits">Scores [B, N].</param>
    /// <param name="labels">[B] whole numbers or numbers, or [B, N] 0 and 1 as numbers.</param>
    /// <param name="config">The model's config.</param>
    /// <param name="labelSmoothing">ε of label smoothing, where a text has one label.</param>
    /// <exception cref="PeftException">An unknown problem_type.</exception>
    public static Tensor Sequence(Tensor logits, Tensor labels, ModelConfig config, double labelSmoothing = 0)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(config);
        var kind = config.ProblemType
            ?? (config.NumLabels == 1 ? "regression" : labels.dtype is ScalarType.Int64 or ScalarType.Int32 ? "single_label_classification" : "multi_label_classification");
        return kind switch
        {
            "regression" => config.NumLabels == 1
                ? F.mse_loss(logits.reshape(-1), labels.to(ScalarType.Float32).reshape(-1))
                : F.mse_loss(logits, labels.to(ScalarType.Float32)),
            "single_label_classification" => F.cross_entropy(logits.view(-1, config.NumLabels), labels.reshape(-1), label_smoothing: labelSmoothing),
            "multi_label_classification" => F.binary_cross_entropy_with_logits(logits, labels.to(ScalarType.Float32)),
            _ => throw new PeftException($"problem_type '{kind}' is not known: use regression, single_label_classification or multi_label_classification."),
        };
    }

    /// <summary>Labels of tokens: the mean cross-entropy where the label is not −100.</summary>
    /// <param name="logits">Scores [B, T, N].</param>
    /// <param name="labels">[B, T].</param>
    /// <param name="labelSmoothing">ε of label smoothing.</param>
    public static Tensor Tokens(Tensor logits, Tensor labels, double labelSmoothing = 0)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        return F.cross_entropy(logits.reshape(-1, logits.shape[^1]), labels.reshape(-1), ignore_index: CausalLoss.Ignored, label_smoothing: labelSmoothing);
    }

    /// <summary>Start and end of an answer: the mean of both cross-entropies; places outside of the text carry no loss.</summary>
    /// <param name="logits">Scores [B, T, 2].</param>
    /// <param name="starts">First token of the answer, [B].</param>
    /// <param name="ends">Last token, [B].</param>
    public static Tensor Answers(Tensor logits, Tensor starts, Tensor ends)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(starts);
        ArgumentNullException.ThrowIfNull(ends);
        var length = logits.shape[1];
        var sides = logits.unbind(-1);
        Tensor Side(Tensor scores, Tensor places) => F.cross_entropy(scores, places.reshape(-1).clamp(0, length), ignore_index: length);
        return (Side(sides[0], starts) + Side(sides[1], ends)) / 2;
    }

    /// <summary>
    /// Scores of a decoder that labels texts, [B, N]: those at the last token that is no padding, as the pad id tells.
    /// </summary>
    /// <param name="model">A decoder with a head for labels.</param>
    /// <param name="inputIds">Token ids [B, T].</param>
    /// <param name="attentionMask">1 for real tokens, [B, T], or null.</param>
    /// <exception cref="PeftException">Several texts, and the config names no pad id.</exception>
    public static Tensor SequenceLogits(CausalLanguageModel model, Tensor inputIds, Tensor? attentionMask)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputIds);
        var (batch, length) = (inputIds.shape[0], inputIds.shape[1]);
        if (model.Config.PadTokenId is null && batch > 1)
            throw new PeftException("The config names no pad_token_id, so texts of a batch cannot be told from their padding. Set pad_token_id, or use batches of one.");
        var logits = model.Logits(model.Hidden(inputIds, attentionMask)); // [B, T, N]
        var last = model.Config.PadTokenId is { } pad
            ? (arange(length, ScalarType.Int64, model.Device) * inputIds.ne(pad).to(ScalarType.Int64)).argmax(-1)
            : full([batch], length - 1, ScalarType.Int64, model.Device);
        last = last + model.LeadingOutputs;
        var index = last.view(batch, 1, 1).expand(batch, 1, logits.shape[2]);
        return logits.gather(1, index).squeeze(1);
    }
}
