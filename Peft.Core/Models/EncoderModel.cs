using Peft.Core.Models.Blocks;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// An encoder: every token sees all others. What stands on it decides the task: labels of texts or tokens, answers, hidden-out tokens, or
/// nothing. Letters: B rows, T tokens, C width, N labels, V vocabulary.
/// </summary>
public abstract class EncoderModel : BaseModel
{
    /// <summary>Takes what every architecture needs.</summary>
    protected EncoderModel(ModelConfig config, WeightSource weights)
        : base(config, weights)
    {
    }

    /// <summary>Loads a Hugging Face folder that holds an encoder.</summary>
    /// <exception cref="PeftException">As <see cref="BaseModel.Load"/>, or the folder holds no encoder.</exception>
    public static new EncoderModel Load(string folder, ModelLoadOptions? options = null)
    {
        var model = BaseModel.Load(folder, options);
        if (model is EncoderModel encoder)
            return encoder;
        var modelType = model.Config.ModelType;
        model.Dispose();
        throw new PeftException($"{folder}: architecture '{modelType}' is no encoder.");
    }

    /// <summary>Hidden states [B, T, C] behind the last layer.</summary>
    /// <param name="inputIds">Token ids [B, T], int64.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, T]; null means no padding.</param>
    /// <param name="tokenTypeIds">Which text of a pair each token belongs to, [B, T]; null is the first everywhere.</param>
    public abstract Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, Tensor? tokenTypeIds = null);

    /// <summary>What the base makes of the first token, [B, C]; null when this base has no pooler.</summary>
    /// <param name="hidden">Hidden states [B, T, C].</param>
    public abstract Tensor? Pooled(Tensor hidden);

    /// <summary>
    /// Scores of the task in fp32: [B, N] for a text, [B, T, N] for tokens, [B, T, 2] for start and end of an answer, [B, T, V] for hidden-out
    /// tokens.
    /// </summary>
    /// <param name="hidden">Hidden states [B, T, C].</param>
    /// <exception cref="InvalidOperationException">The task has no head.</exception>
    public Tensor Logits(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        return Config.Task switch
        {
            ModelTask.SeqCls => SequenceScores(hidden).to(ScalarType.Float32),
            ModelTask.MaskedLm => TokenScores(hidden).to(ScalarType.Float32),
            ModelTask.TokenCls or ModelTask.QuestionAns => Rows(Head!, hidden).to(ScalarType.Float32),
            _ => throw new InvalidOperationException($"A model for {Config.Task.Name()} has no head."),
        };
    }

    /// <summary>A batch with the virtual tokens of a soft prompt in front; they belong to the first text.</summary>
    internal (Tensor Ids, Tensor? Mask, Tensor? TokenTypes) BehindPrompt(Tensor inputIds, Tensor? attentionMask, Tensor? tokenTypeIds)
    {
        if (tokenTypeIds is not null && SoftPrompt is { } prompt)
            tokenTypeIds = cat([zeros([tokenTypeIds.shape[0], prompt.Length], tokenTypeIds.dtype, tokenTypeIds.device), tokenTypeIds], 1);
        var (ids, mask) = BehindPrompt(inputIds, attentionMask);
        return (ids, mask, tokenTypeIds);
    }

    /// <summary>Scores of a text's labels, [B, N].</summary>
    protected abstract Tensor SequenceScores(Tensor hidden);

    /// <summary>Scores of hidden-out tokens, [B, T, V].</summary>
    protected abstract Tensor TokenScores(Tensor hidden);

    /// <summary>A linear layer over the last dimension of any shape.</summary>
    protected static Tensor Rows(LinearSite site, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(site);
        ArgumentNullException.ThrowIfNull(x);
        var shape = x.shape;
        var y = site.Forward(x.reshape(-1, shape[^1]));
        shape[^1] = y.shape[1];
        return y.view(shape);
    }
}

/// <summary>What one forward of an encoder shares between its layers: sizes, the mask, virtual tokens.</summary>
internal sealed class EncoderCall
{
    private readonly EncoderModel model;
    private readonly Tensor[]? prefix;
    private readonly AttentionMask mask;

    public EncoderCall(EncoderModel model, Tensor inputIds, Tensor? padding)
    {
        this.model = model;
        (Batch, Length) = (inputIds.shape[0], inputIds.shape[1]);
        prefix = model.Prefix?.KeysAndValues();
        VirtualTokens = model.Prefix?.Length ?? 0;
        if (padding is not null && VirtualTokens > 0)
            padding = cat([ones([Batch, VirtualTokens], padding.dtype, padding.device), padding], 1);
        mask = AttentionMask.OfPadding(padding, model.DType, model.Device);
        foreach (var shared in new[] { mask.Additive }.Concat(prefix ?? []).OfType<Tensor>())
            model.Shared(shared);
    }

    public long Batch { get; }

    public long Length { get; }

    public int VirtualTokens { get; }

    /// <summary>Attention of a layer over projected x: [B·T, H·D] each → [B·T, H·D].</summary>
    public Tensor Attend(int layer, Tensor query, Tensor key, Tensor value)
    {
        Tensor Heads(Tensor x) => x.view(Batch, Length, model.Config.NumAttentionHeads, model.Config.HeadDim).transpose(1, 2);
        var (k, v) = (Heads(key), Heads(value));
        if (prefix is not null)
        {
            k = cat([prefix[2 * layer].unsqueeze(0).expand(Batch, -1, -1, -1), k], 2);
            v = cat([prefix[(2 * layer) + 1].unsqueeze(0).expand(Batch, -1, -1, -1), v], 2);
        }

        return Attention.Compute(Heads(query), k, v, mask, model.Arithmetic);
    }
}
