using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>Writes an output for each input: the input is encoded once, then every step computes one token per row that has not ended.</summary>
public static class Seq2SeqGenerator
{
    /// <summary>Generates for a batch of inputs.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Inputs [B, S].</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, S]; null means no padding.</param>
    /// <param name="options">How to choose tokens and when to stop.</param>
    /// <param name="onToken">Called after every step with one id per row of the batch; −1 for rows that have ended. May be null.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <returns>New tokens per row, the ending id included, without the start id.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static long[][] Generate(
        EncoderDecoderModel model,
        Tensor inputIds,
        Tensor? attentionMask,
        GenerationOptions options,
        Action<long[]>? onToken = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputIds);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        var batch = (int)inputIds.shape[0];
        var results = Enumerable.Range(0, batch).Select(_ => new List<long>()).ToArray();
        var rows = Enumerable.Range(0, batch).ToArray(); // which result each row that goes on belongs to
        var eos = options.EosTokenIds.Select(id => (long)id).ToHashSet();
        using var choice = new TokenChoice(options, model.Device);
        using var cache = new Seq2SeqCache(model.Config, batch, options.MaxNewTokens + (model.Prefix?.Length ?? 0), model.DType, model.Device);
        var mask = attentionMask?.to(model.Device);
        var encoded = model.Encode(inputIds.to(model.Device), mask);
        var next = Enumerable.Repeat((long)model.DecoderStartTokenId, batch).ToArray();
        for (var step = 0; step < options.MaxNewTokens && rows.Length > 0; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var stepScope = NewDisposeScope();
            var hidden = model.Decode(tensor(next, device: model.Device).view(-1, 1), encoded, mask, cache);
            var ids = choice.Next(model.Logits(hidden.view(rows.Length, -1))).cpu().data<long>().ToArray();
            Tell(onToken, ids, rows, batch);
            var alive = new List<int>();
            for (var i = 0; i < ids.Length; i++)
            {
                results[rows[i]].Add(ids[i]);
                if (!eos.Contains(ids[i]))
                    alive.Add(i);
            }

            next = [.. alive.Select(i => ids[i])];
            if (alive.Count == rows.Length || alive.Count == 0)
            {
                rows = [.. alive.Select(i => rows[i])];
                continue;
            }

            rows = [.. alive.Select(i => rows[i])];
            var kept = tensor(alive.Select(i => (long)i).ToArray(), device: model.Device);
            cache.KeepRows(kept);
            encoded = encoded.index_select(0, kept).MoveToOuterDisposeScope();
            mask = mask?.index_select(0, kept).MoveToOuterDisposeScope();
        }

        return [.. results.Select(r => r.ToArray())];
    }

    private static void Tell(Action<long[]>? onToken, long[] ids, int[] rows, int batch)
    {
        if (onToken is null)
            return;
        var told = Enumerable.Repeat(-1L, batch).ToArray();
        for (var i = 0; i < ids.Length; i++)
            told[rows[i]] = ids[i];
        onToken(told);
    }
}
