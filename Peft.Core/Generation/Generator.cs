using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// Writes on from prompts with a key/value cache: the prompt is read once, then every step computes one token per row. Rows that have ended
/// leave the batch, so the last long answer does not make the short ones cost again.
/// </summary>
public static class Generator
{
    /// <summary>Generates for a batch of prompts.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Prompts [B, T], shorter ones padded on the left.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, T]; null means no padding.</param>
    /// <param name="options">How to choose tokens and when to stop.</param>
    /// <param name="onToken">Called after every step with one id per row of the batch; −1 for rows that have ended. May be null.</param>
    /// <param name="cancellation">Checked before every step; what has been generated until then is lost.</param>
    /// <returns>New tokens per row, the ending id included, without prompt and padding.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static long[][] Generate(
        CausalLanguageModel model,
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
        var (batch, prompt) = (inputIds.shape[0], inputIds.shape[1]);
        var results = Enumerable.Range(0, (int)batch).Select(_ => new List<long>()).ToArray();
        if (batch == 0)
            return [];
        using var choice = new TokenChoice(options, model.Device);
        using var cache = new KeyValueCache(
            model.Config, batch, prompt + options.MaxNewTokens + (model.Prefix?.Length ?? 0) + model.LeadingOutputs, model.DType, model.Device);
        var eos = options.EosTokenIds.Select(id => (long)id).ToHashSet();
        var rows = Enumerable.Range(0, (int)batch).ToArray(); // which result each row of the cache belongs to
        var state = new Padding(attentionMask, prompt);
        var next = FirstTokens(model, options, inputIds, state, cache, choice);
        for (var step = 1; ; step++)
        {
            var ids = next.cpu().data<long>().ToArray();
            var alive = Record(ids, rows, results, eos, onToken, batch);
            if (alive.Length == 0 || step >= options.MaxNewTokens)
                break;
            cancellation.ThrowIfCancellationRequested();
            using var stepScope = NewDisposeScope();
            if (alive.Length < rows.Length)
            {
                var kept = tensor(alive.Select(i => (long)i).ToArray(), device: model.Device);
                cache.KeepRows(kept);
                state.KeepRows(alive);
                rows = [.. alive.Select(i => rows[i])];
                ids = [.. alive.Select(i => ids[i])];
            }

            next = Step(model, options, ids, state, cache, choice).MoveToOuterDisposeScope();
        }

        return [.. results.Select(r => r.ToArray())];
    }

    private static Tensor FirstTokens(
        CausalLanguageModel model, GenerationOptions options, Tensor inputIds, Padding state, KeyValueCache cache, TokenChoice choice)
    {
        using var scope = NewDisposeScope();
        var hidden = model.Hidden(inputIds.to(model.Device), state.Mask(state.Filled), cache, Positions(model, options, state.PromptPositions));
        var last = hidden.select(1, hidden.shape[1] - 1); // [B, C]: padding is on the left, so every row ends in a real token
        return choice.Next(model.Logits(last)).MoveToOuterDisposeScope();
    }

    private static Tensor Step(
        CausalLanguageModel model, GenerationOptions options, long[] ids, Padding state, KeyValueCache cache, TokenChoice choice)
    {
        var positions = Positions(model, options, state.Advance());
        var input = tensor(ids, device: model.Device).view(-1, 1);
        var hidden = model.Hidden(input, state.Mask(state.Filled), cache, positions);
        return choice.Next(model.Logits(hidden.view(ids.Length, -1)));
    }

    /// <summary>Where each token stands. Without padding the rows count alike and the model counts by itself.</summary>
    private static Tensor? Positions(CausalLanguageModel model, GenerationOptions options, Tensor? positions) =>
        (model.Prefix is not null || model.SoftPrompt is not null) && options.PadsCountBehindPrefix ? null : positions?.to(model.Device);

    /// <summary>Stores the new ids, tells the listener, and returns the rows that go on.</summary>
    private static int[] Record(long[] ids, int[] rows, List<long>[] results, HashSet<long> eos, Action<long[]>? onToken, long batch)
    {
        var alive = new List<int>(ids.Length);
        for (var i = 0; i < ids.Length; i++)
        {
            results[rows[i]].Add(ids[i]);
            if (!eos.Contains(ids[i]))
                alive.Add(i);
        }

        if (onToken is not null)
        {
            var told = Enumerable.Repeat(-1L, (int)batch).ToArray();
            for (var i = 0; i < ids.Length; i++)
                told[rows[i]] = ids[i];
            onToken(told);
        }

        return [.. alive];
    }

    /// <summary>The left padding of the rows that are still in the batch.</summary>
    private sealed class Padding
    {
        private readonly bool any;
        private readonly int prompt;
        private long[] pads;

        public Padding(Tensor? mask, long prompt)
        {
            this.prompt = (int)prompt;
            Filled = this.prompt;
            pads = mask is null ? [] : Count(mask);
            any = pads.Any(p => p > 0);
        }

        /// <summary>Positions filled, padding included.</summary>
        public int Filled { get; private set; }

        /// <summary>Positions of the prompt's tokens [B, T], pads at 0; null when no row is padded.</summary>
        public Tensor? PromptPositions
        {
            get
            {
                if (!any)
                    return null;
                var positions = new long[pads.Length * prompt];
                for (var r = 0; r < pads.Length; r++)
                {
                    for (var t = 0; t < prompt; t++)
                        positions[(r * prompt) + t] = Math.Max(0, t - pads[r]);
                }

                return tensor(positions, pads.Length, prompt);
            }
        }

        /// <summary>Makes room for one more token and returns its position per row [B, 1]; null when no row is padded.</summary>
        public Tensor? Advance()
        {
            var position = Filled++;
            return any ? tensor(pads.Select(p => position - p).ToArray(), pads.Length, 1) : null;
        }

        /// <summary>Mask [B, length] over all filled positions; null when no row is padded.</summary>
        public Tensor? Mask(int length)
        {
            if (!any)
                return null;
            var mask = new long[pads.Length * length];
            for (var r = 0; r < pads.Length; r++)
                Array.Fill(mask, 1, (r * length) + (int)pads[r], length - (int)pads[r]);
            return tensor(mask, pads.Length, length);
        }

        public void KeepRows(int[] rows)
        {
            if (pads.Length > 0)
                pads = [.. rows.Select(r => pads[r])];
        }

        private static long[] Count(Tensor mask)
        {
            using var cpu = mask.to(ScalarType.Int64, CPU);
            using var contiguous = cpu.contiguous();
            var width = (int)contiguous.shape[1];
            var flat = contiguous.data<long>().ToArray();
            var pads = new long[contiguous.shape[0]];
            for (var r = 0; r < pads.Length; r++)
            {
                var row = flat.AsSpan(r * width, width);
                var first = row.IndexOfAnyExcept(0L);
                if (first < 0)
                    throw new PeftException($"Row {r} of the batch to generate from is empty.");
                if (row[first..].Contains(0L))
                    throw new PeftException($"Row {r} of the batch has padding behind its text; pad prompts on the left to generate.");
                pads[r] = first;
            }

            return pads;
        }
    }
}
