using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>Chooses the next token of every row from its scores [rows, V]: the largest, or a draw after temperature, top-k and top-p.</summary>
internal sealed class TokenChoice : IDisposable
{
    private readonly GenerationOptions options;
    private readonly torch.Generator? generator;

    public TokenChoice(GenerationOptions options, Device device)
    {
        this.options = options;
        if (options is { DoSample: true, Seed: { } seed })
            generator = new torch.Generator((ulong)seed, device);
    }

    /// <summary>Ids [rows].</summary>
    public Tensor Next(Tensor scores)
    {
        if (!options.DoSample)
            return scores.argmax(-1);
        var filtered = TopP(TopK(scores / options.Temperature));
        return filtered.softmax(-1).multinomial(1, false, generator).squeeze(1);
    }

    public void Dispose() => generator?.Dispose();

    private Tensor TopK(Tensor scores)
    {
        var k = (int)Math.Min(options.TopK, scores.shape[^1]);
        if (k <= 0)
            return scores;
        var border = scores.topk(k, -1).values.narrow(-1, k - 1, 1); // [rows, 1]
        return scores.masked_fill(scores < border, double.NegativeInfinity);
    }

    private Tensor TopP(Tensor scores)
    {
        if (options.TopP >= 1)
            return scores;

        // Ascending, so that the tail which together stays below 1 − p goes; the most likely token always stays.
        var (sorted, order) = scores.sort(-1, descending: false);
        var drop = sorted.softmax(-1).cumsum(-1) <= 1 - options.TopP;
        drop.narrow(-1, drop.shape[^1] - 1, 1).fill_(false);
        return scores.masked_fill(zeros_like(drop).scatter(-1, order, drop), double.NegativeInfinity);
    }
}
