using Peft.Core.Models.Blocks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>
/// An encoder that reads the input and a decoder that writes the output, looking at itself and at what the encoder made.
/// Letters: B rows, S input tokens, T output tokens, C width, V vocabulary.
/// </summary>
public abstract class EncoderDecoderModel : BaseModel
{
    /// <summary>Takes what every architecture needs.</summary>
    protected EncoderDecoderModel(ModelConfig config, WeightSource weights)
        : base(config, weights)
    {
    }

    /// <summary>The id that the decoder starts with.</summary>
    public abstract int DecoderStartTokenId { get; }

    /// <summary>Loads a Hugging Face folder that holds an encoder-decoder.</summary>
    /// <exception cref="PeftException">As <see cref="BaseModel.Load"/>, or the folder holds no encoder-decoder.</exception>
    public static new EncoderDecoderModel Load(string folder, ModelLoadOptions? options = null)
    {
        var model = BaseModel.Load(folder, options);
        if (model is EncoderDecoderModel both)
            return both;
        var modelType = model.Config.ModelType;
        model.Dispose();
        throw new PeftException($"{folder}: architecture '{modelType}' is no encoder-decoder.");
    }

    /// <summary>What the encoder makes of the input, [B, S, C].</summary>
    /// <param name="inputIds">Token ids [B, S], int64.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, S]; null means no padding.</param>
    public abstract Tensor Encode(Tensor inputIds, Tensor? attentionMask);

    /// <summary>
    /// Hidden states of the decoder behind its final norm, [B, T, C]; where a prompt has virtual tokens for the decoder, the first call has
    /// theirs in front.
    /// </summary>
    /// <param name="decoderIds">Token ids [B, T], int64. With a cache: the new tokens only.</param>
    /// <param name="encoded">What <see cref="Encode"/> returned, [B, S, C].</param>
    /// <param name="attentionMask">The encoder's mask [B, S], or null.</param>
    /// <param name="cache">Keys and values of the tokens already written and of the input; extended by this call.</param>
    public abstract Tensor Decode(Tensor decoderIds, Tensor encoded, Tensor? attentionMask, Seq2SeqCache? cache = null);

    /// <summary>Scores of the next token in fp32, [..., V] for hidden states [..., C].</summary>
    public Tensor Logits(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        var shape = hidden.shape;
        var flat = Score(hidden.reshape(-1, shape[^1])).to(ScalarType.Float32);
        shape[^1] = flat.shape[1];
        return flat.view(shape);
    }

    /// <summary>What the decoder is given while it learns to write the labels: each label one place later, behind the start id.</summary>
    /// <param name="labels">Labels [B, T]; −100 carries no loss and is read as padding.</param>
    public Tensor DecoderInput(Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var pad = Config.PadTokenId ?? throw new PeftException($"The config of this {Config.ModelType} model names no pad_token_id, which the decoder's input needs.");
        var start = full([labels.shape[0], 1], DecoderStartTokenId, ScalarType.Int64, device: labels.device);
        var shifted = cat([start, labels.narrow(1, 0, labels.shape[1] - 1)], 1);
        return shifted.masked_fill(shifted.eq(CausalLoss.Ignored), pad).MoveToOuterDisposeScope();
    }

    /// <summary>The decoder's input with the virtual tokens of a prompt in front, where it has some for the decoder and nothing was written yet.</summary>
    /// <param name="decoderIds">Token ids [B, T].</param>
    /// <param name="cache">What was written so far.</param>
    protected Tensor BehindDecoderPrompt(Tensor decoderIds, Seq2SeqCache? cache)
    {
        ArgumentNullException.ThrowIfNull(decoderIds);
        return SoftPrompt is { DecoderLength: > 0 } prompt && (cache is null || cache.Own.Length == 0)
            ? cat([prompt.DecoderIds(decoderIds.shape[0]).to(decoderIds.device), decoderIds], 1)
            : decoderIds;
    }

    /// <summary>Cross-entropy of the labels, each predicted at its own place; the mean over those that carry loss, as a scalar in fp32.</summary>
    /// <param name="inputIds">Token ids [B, S].</param>
    /// <param name="attentionMask">1 for real tokens, [B, S], or null.</param>
    /// <param name="labels">Labels [B, T].</param>
    /// <param name="numItemsInBatch">Divide the summed loss by this instead of the batch's own number of labels (gradient accumulation).</param>
    /// <param name="labelSmoothing">ε of label smoothing.</param>
    /// <exception cref="PeftException">No label to learn from.</exception>
    public Tensor Loss(Tensor inputIds, Tensor? attentionMask, Tensor labels, double? numItemsInBatch = null, double labelSmoothing = 0)
    {
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var target = labels.reshape(-1).to(Device);
        var chosen = target.ne(CausalLoss.Ignored).nonzero().view(-1); // [n]
        if (chosen.shape[0] == 0)
            throw new PeftException("The batch carries no label to learn from: every output is empty or was cut off.");
        var encoded = Encode(inputIds, attentionMask);
        var hidden = Decode(DecoderInput(labels.to(Device)), encoded, attentionMask);
        if (SoftPrompt is { DecoderLength: > 0 and var leading })
            hidden = hidden.narrow(1, leading, labels.shape[1]).contiguous(); // virtual tokens carry no loss
        var logits = Logits(hidden.view(-1, hidden.shape[2]).index_select(0, chosen)); // [n, V]
        var own = numItemsInBatch is null || labelSmoothing > 0;
        var loss = F.cross_entropy(
            logits, target.index_select(0, chosen), reduction: own ? nn.Reduction.Mean : nn.Reduction.Sum, label_smoothing: labelSmoothing);
        return (own ? loss : loss / numItemsInBatch!.Value).MoveToOuterDisposeScope();
    }

    /// <summary>What the head makes of hidden states [N, C]: [N, V].</summary>
    protected abstract Tensor Score(Tensor hidden);
}
