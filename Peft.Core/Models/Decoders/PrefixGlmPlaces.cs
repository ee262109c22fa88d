using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>
/// Where tokens of the first GLMs stand, and what they see: the row's context ends at its first start-of-answer id; everything in it sees
/// everything in it, the answer looks back. Places in the answer stay at the mask token's; within it a second count runs from 1.
/// </summary>
internal sealed class PrefixGlmPlaces
{
    private readonly long[] pads;
    private readonly long[] contexts;

    private PrefixGlmPlaces(Tensor place, Tensor blockPlace, long largest, long[] pads, long[] contexts) =>
        (Place, BlockPlace, Largest, this.pads, this.contexts) = (place, blockPlace, largest, pads, contexts);

    /// <summary>Places [B, T].</summary>
    public Tensor Place { get; }

    /// <summary>Places within the answer [B, T], 0 in the context.</summary>
    public Tensor BlockPlace { get; }

    /// <summary>No place is larger.</summary>
    public long Largest { get; }

    /// <summary>The places of a forward; found once, and for later steps of decoding remembered with the cache.</summary>
    public static PrefixGlmPlaces Of(PrefixGlmConfig config, DecoderCall call, Device device) =>
        call.Share("glm-places", () => Find(config, call, device), made => [made.Place, made.BlockPlace]);

    /// <summary>True where a query may not look, [B, 1, T, S].</summary>
    public Tensor Blocked(DecoderCall call, Device device)
    {
        var (rows, length, keys) = (call.Batch, call.Length, call.Past + call.Length);
        var blocked = new bool[rows * length * call.Keys];
        for (var b = 0L; b < rows; b++)
        {
            for (var t = 0L; t < length; t++)
            {
                var query = call.Past + t;
                for (var s = 0L; s < keys; s++)
                {
                    var sees = s >= pads[b] && query >= pads[b] && (s < contexts[b] || s <= query);
                    blocked[(((b * length) + t) * call.Keys) + call.VirtualTokens + s] = !sees;
                }
            }
        }

        return tensor(blocked, rows, 1, length, call.Keys, device: device);
    }

    private static PrefixGlmPlaces Find(PrefixGlmConfig config, DecoderCall call, Device device)
    {
        var (rows, length) = (call.Batch, call.Length);
        var state = call.Past > 0 ? call.RowState! : Start(config, call);
        call.RowState = state;
        var (place, block) = (new long[rows * length], new long[rows * length]);
        var (pads, contexts) = (new long[rows], new long[rows]);
        for (var b = 0L; b < rows; b++)
        {
            var (pad, context, mask) = (state[b][0], state[b][1], state[b][2]);
            (pads[b], contexts[b]) = (pad, context);
            for (var t = 0L; t < length; t++)
            {
                var index = call.Past + t;
                var at = (b * length) + t;
                if (index < pad)
                    continue;
                place[at] = index < context || mask < 0 ? index - pad : mask - pad;
                block[at] = index < context ? 0 : index - context + 1;
            }
        }

        return new PrefixGlmPlaces(
            tensor(place, rows, length, device: device), tensor(block, rows, length, device: device), call.Past + length, pads, contexts);
    }

    /// <summary>Per row: first real token, end of the context, index of the mask token (−1 when places count on).</summary>
    private static long[][] Start(PrefixGlmConfig config, DecoderCall call)
    {
        using var cpu = call.InputIds.cpu();
        using var contiguous = cpu.contiguous();
        var ids = contiguous.data<long>().ToArray();
        var real = Real(call);
        var width = (int)call.Length;
        return [.. Enumerable.Range(0, (int)call.Batch).Select(b =>
        {
            var row = ids.AsSpan(b * width, width);
            var pad = real is null ? 0 : Math.Max(0, real.AsSpan(b * width, width).IndexOf(1L));
            var start = row[pad..].IndexOf((long)config.BosTokenId!.Value);
            var context = start < 0 ? width : pad + start;
            var general = row[pad..].IndexOf((long)config.GmaskTokenId);
            var shorter = row[pad..].IndexOf((long)config.MaskTokenId);

            // Two counts keep places at either mask token; a single one counts on behind the general one.
            var mask = config.TwoDimensional ? (general >= 0 ? general : shorter) : general >= 0 ? -1 : shorter;
            return new long[] { pad, context, mask < 0 ? -1 : pad + mask };
        })];
    }

    private static long[]? Real(DecoderCall call)
    {
        if (call.Padding is null)
            return null;
        using var cpu = call.Padding.to(ScalarType.Int64, CPU);
        using var contiguous = cpu.contiguous();
        return contiguous.data<long>().ToArray();
    }
}
