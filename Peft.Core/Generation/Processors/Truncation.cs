using static TorchSharp.torch;

namespace Peft.Core.Generation.Processors;

/// <summary>Leaves only some tokens to be drawn.</summary>
/// <param name="minTokensToKeep">So many of the likeliest always stay.</param>
internal abstract class Truncation(int minTokensToKeep) : LogitsProcessor
{
    /// <summary>So many of the likeliest always stay.</summary>
    public int MinTokensToKeep { get; } = minTokensToKeep;
}

/// <summary>The k most likely; ties at the border stay.</summary>
internal sealed class TopK(int k, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var border = Distributions.Border(scores, Math.Max(k, MinTokensToKeep));
        foreach (ref var score in scores)
        {
            if (score < border)
                score = float.NegativeInfinity;
        }
    }
}

/// <summary>The most likely that together reach a probability. https://arxiv.org/abs/1904.09751</summary>
internal sealed class TopP(double p, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        // From the least likely on: the tail that together stays below 1 − p goes. Which of equally likely ones goes first is up to the
        // tensor library's sort, as in the reference.
        var probabilities = Distributions.Softmax(scores);
        using var values = tensor(scores.ToArray());
        var (sorted, indices) = values.sort(-1, descending: false);
        var order = Array.ConvertAll(indices.data<long>().ToArray(), index => (int)index);
        sorted.Dispose();
        indices.Dispose();
        var rest = (float)(1 - p);
        var sum = 0.0;
        for (var i = 0; i < order.Length - MinTokensToKeep; i++)
        {
            sum += probabilities[order[i]];
            if ((float)sum > rest)
                return;
            scores[order[i]] = float.NegativeInfinity;
        }
    }
}

/// <summary>Those at least a share as likely as the most likely one. https://arxiv.org/abs/2407.01082</summary>
internal sealed class MinP(double share, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var probabilities = Distributions.Softmax(scores);
        var border = (float)share * probabilities.Max();
        var order = Distributions.Order(scores, descending: true);
        for (var i = MinTokensToKeep; i < order.Length; i++)
        {
            if (probabilities[order[i]] < border)
                scores[order[i]] = float.NegativeInfinity;
        }
    }
}

/// <summary>Those whose surprise is nearest to the expected one, up to a mass. https://arxiv.org/abs/2202.00666</summary>
internal sealed class Typical(double mass, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var logs = Distributions.LogSoftmax(scores);
        var entropy = Distributions.Entropy(logs);
        var distance = Array.ConvertAll(logs, log => MathF.Abs(-log - entropy));
        var probabilities = Distributions.Softmax(scores);
        var order = Distributions.Order(distance);
        var (last, sum) = (0, 0.0);
        while (last < order.Length && (float)(sum += probabilities[order[last]]) < (float)mass)
            last++;
        var border = distance[order[Math.Min(last, order.Length - 1)]];
        for (var i = MinTokensToKeep; i < order.Length; i++)
        {
            if (distance[order[i]] > border)
                scores[order[i]] = float.NegativeInfinity;
        }
    }
}

/// <summary>Those at least so likely. https://arxiv.org/abs/2210.15191</summary>
internal sealed class Epsilon(double cutoff, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) =>
        Cut(scores, Distributions.Softmax(scores), (float)cutoff, MinTokensToKeep);

    /// <summary>Drops what is less likely than a border, but for the likeliest.</summary>
    internal static void Cut(Span<float> scores, float[] probabilities, float border, int keep)
    {
        var kept = Distributions.Border(scores, keep);
        for (var i = 0; i < scores.Length; i++)
        {
            if (probabilities[i] < border && scores[i] < kept)
                scores[i] = float.NegativeInfinity;
        }
    }
}

/// <summary>Those at least so likely, or less where the next token is uncertain. https://arxiv.org/abs/2210.15191</summary>
internal sealed class Eta(double cutoff, int minTokensToKeep = 1) : Truncation(minTokensToKeep)
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var entropy = Distributions.Entropy(Distributions.LogSoftmax(scores));
        var border = Math.Min((float)cutoff, MathF.Sqrt((float)cutoff) * MathF.Exp(-entropy));
        Epsilon.Cut(scores, Distributions.Softmax(scores), border, MinTokensToKeep);
    }
}
