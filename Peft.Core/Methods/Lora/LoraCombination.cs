using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>A and B of one module in one of the adapters to combine.</summary>
/// <param name="A">A [r, in].</param>
/// <param name="B">B [out, r].</param>
/// <param name="Scaling">Its factor alpha / r.</param>
/// <param name="Weight">How much it counts.</param>
public sealed record WeightedLora(Tensor A, Tensor B, double Scaling, double Weight)
{
    /// <summary>The share that each of A and B takes of weight × scaling: its root; the sign goes with B.</summary>
    internal (float A, float B) Roots
    {
        get
        {
            var product = Weight * Scaling;
            var root = (float)Math.Sqrt(Math.Abs(product));
            return (root, product < 0 ? -root : root);
        }
    }
}

/// <summary>
/// Combines LoRA adapters module by module as PEFT's <c>add_weighted_adapter</c> does. The result has scaling 1 (alpha = r). Nothing is changed
/// in place; results belong to the current dispose scope.
/// </summary>
public static class LoraCombination
{
    /// <summary>Weighted sums of A and of B. All ranks must be equal.</summary>
    public static (Tensor A, Tensor B) Linear(IReadOnlyList<WeightedLora> parts) => Combine(parts, (tensors, weights) => Sum(tensors, weights));

    /// <summary>A under A, B beside B: the exact sum of the changes, with the sum of the ranks.</summary>
    public static (Tensor A, Tensor B) Cat(IReadOnlyList<WeightedLora> parts)
    {
        Check(parts, equalRanks: false);
        return (cat([.. parts.Select(p => p.A * (float)(p.Weight * p.Scaling))], 0), cat([.. parts.Select(p => p.B)], 1));
    }

    /// <summary>The largest singular directions of the sum of the changes.</summary>
    /// <param name="parts">The adapters.</param>
    /// <param name="rank">Rank of the result; null takes the largest of the parts.</param>
    public static (Tensor A, Tensor B) Svd(IReadOnlyList<WeightedLora> parts, int? rank = null)
    {
        Check(parts, equalRanks: false);
        var delta = parts.Select(p => p.B.mm(p.A) * (float)(p.Weight * p.Scaling)).Aggregate((sum, next) => sum + next);
        var kept = rank ?? (int)parts.Max(p => p.A.shape[0]);
        var (u, s, vh) = linalg.svd(delta, fullMatrices: false);
        if (kept < 1 || kept > s.shape[0])
            throw new ArgumentException($"A rank of {kept} is not between 1 and the {s.shape[0]} directions of the change.", nameof(rank));
        return (vh.narrow(0, 0, kept), u.narrow(1, 0, kept) * s.narrow(0, 0, kept).unsqueeze(0));
    }

    /// <summary>TIES (https://arxiv.org/abs/2306.01708): keeps the largest numbers, elects a sign for each, averages those that agree.</summary>
    /// <param name="parts">The adapters, of equal ranks.</param>
    /// <param name="density">Share of numbers kept, above 0 to 1.</param>
    /// <param name="byFrequency">Elects the sign by count instead of by sum.</param>
    public static (Tensor A, Tensor B) Ties(IReadOnlyList<WeightedLora> parts, double density, bool byFrequency = false) =>
        Combine(parts, (tensors, weights) => Agree([.. tensors.Select(t => Largest(t, density))], weights, byFrequency), density);

    /// <summary>DARE (https://arxiv.org/abs/2311.03099) and a weighted sum: drops numbers at random and scales up the rest.</summary>
    public static (Tensor A, Tensor B) DareLinear(IReadOnlyList<WeightedLora> parts, double density) =>
        Combine(parts, (tensors, weights) => Sum([.. tensors.Select(t => AtRandom(t, density))], weights), density);

    /// <summary>DARE, then signs elected and averages taken as TIES does.</summary>
    public static (Tensor A, Tensor B) DareTies(IReadOnlyList<WeightedLora> parts, double density, bool byFrequency = false) =>
        Combine(parts, (tensors, weights) => Agree([.. tensors.Select(t => AtRandom(t, density))], weights, byFrequency), density);

    private static (Tensor A, Tensor B) Combine(IReadOnlyList<WeightedLora> parts, Func<Tensor[], float[], Tensor> how, double density = 1)
    {
        Check(parts, equalRanks: true);
        if (!(density > 0 && density <= 1))
            throw new ArgumentException($"The density must be above 0 and at most 1, but is {density}.", nameof(density));
        return (
            how([.. parts.Select(p => p.A)], [.. parts.Select(p => p.Roots.A)]),
            how([.. parts.Select(p => p.B)], [.. parts.Select(p => p.Roots.B)]));
    }

    private static void Check(IReadOnlyList<WeightedLora> parts, bool equalRanks)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0)
            throw new ArgumentException("There is nothing to combine.", nameof(parts));
        if (equalRanks && parts.Select(p => p.A.shape[0]).Distinct().Count() > 1)
            throw new ArgumentException($"The ranks differ ({string.Join(", ", parts.Select(p => p.A.shape[0]))}); combine by cat or svd.", nameof(parts));
    }

    private static Tensor Sum(Tensor[] tensors, float[] weights) =>
        tensors.Zip(weights, (tensor, weight) => tensor * weight).Aggregate((sum, next) => sum + next);

    private static Tensor Largest(Tensor tensor, double density)
    {
        var flat = tensor.reshape(-1);
        var (_, indices) = flat.abs().topk((int)(density * flat.numel()));
        return (flat * zeros_like(flat).index_fill(0, indices, 1)).view(tensor.shape);
    }

    private static Tensor AtRandom(Tensor tensor, double density) => tensor * full_like(tensor, density).bernoulli() / (float)density;

    private static Tensor Agree(Tensor[] tensors, float[] weights, bool byFrequency)
    {
        var stacked = stack(tensors);
        var signs = stacked.sign();
        var elected = where((byFrequency ? signs : stacked).sum([0L]).ge(0), 1f, -1f);
        var agrees = signs.eq(elected).to(stacked.dtype);
        var factors = tensor(weights).view([weights.Length, .. Enumerable.Repeat(1L, (int)tensors[0].dim())]);
        return (stacked * factors * agrees).sum([0L]) / agrees.sum([0L]).clamp_min(1);
    }
}
