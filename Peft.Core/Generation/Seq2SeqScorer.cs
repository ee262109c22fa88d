using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>An encoder-decoder with its caches: inputs are encoded once, then every step computes one token per row.</summary>
internal sealed class Seq2SeqScorer : ITokenScorer
{
    private readonly EncoderDecoderModel model;
    private readonly Seq2SeqCache cache;
    private Tensor encoded;
    private Tensor? mask;

    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Inputs [B, S].</param>
    /// <param name="attentionMask">1 for real tokens, [B, S], or null.</param>
    /// <param name="room">New tokens per row at most.</param>
    public Seq2SeqScorer(EncoderDecoderModel model, Tensor inputIds, Tensor? attentionMask, int room)
    {
        this.model = model;
        using var scope = NewDisposeScope();
        mask = attentionMask?.to(model.Device, copy: true).DetachFromDisposeScope();
        encoded = model.Encode(inputIds.to(model.Device), mask).DetachFromDisposeScope();
        cache = new Seq2SeqCache(model.Config, inputIds.shape[0], room + (model.Prefix?.Length ?? 0) + (model.SoftPrompt?.DecoderLength ?? 0), model.DType, model.Device);
    }

    public Tensor Start() => Next([.. Enumerable.Repeat((long)model.DecoderStartTokenId, (int)encoded.shape[0])]);

    public Tensor Next(IReadOnlyList<long> ids)
    {
        var hidden = model.Decode(tensor(ids.ToArray(), device: model.Device).view(-1, 1), encoded, mask, cache);
        return model.Logits(hidden.select(1, -1)); // in front of the first token there may be virtual ones
    }

    public void KeepRows(IReadOnlyList<int> rows)
    {
        using var kept = tensor(rows.Select(r => (long)r).ToArray(), device: model.Device);
        cache.KeepRows(kept);
        encoded = Kept(encoded, kept);
        mask = mask is null ? null : Kept(mask, kept);
    }

    public void Dispose()
    {
        cache.Dispose();
        encoded.Dispose();
        mask?.Dispose();
    }

    private static Tensor Kept(Tensor tensor, Tensor rows)
    {
        var kept = tensor.index_select(0, rows).DetachFromDisposeScope();
        tensor.Dispose();
        return kept;
    }
}
