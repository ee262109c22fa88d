using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>Starts of A and B that are taken out of the weight itself; what is left of it is frozen in its place.</summary>
internal static class WeightDecomposition
{
    /// <summary>PiSSA (https://arxiv.org/abs/2404.02948): the largest singular directions, their values shared between A and B.</summary>
    /// <param name="weight">Weight [out, in], float32.</param>
    /// <param name="rank">Directions taken.</param>
    /// <param name="scaling">Factor on B·A.</param>
    /// <param name="iterations">Power iterations of an approximate decomposition; null decomposes exactly.</param>
    public static (Tensor A, Tensor B, Tensor Left) Pissa(Tensor weight, int rank, double scaling, int? iterations)
    {
        var (left, values, right) = iterations is { } count ? LowRank(weight, rank, count) : Exact(weight);
        var root = (values.narrow(0, 0, rank) / (float)scaling).sqrt();
        var a = root.unsqueeze(1) * right.narrow(0, 0, rank);
        var b = left.narrow(1, 0, rank) * root.unsqueeze(0);
        return (a, b, weight - (TensorOps.MatMul(b, a) * (float)scaling));
    }

    /// <summary>OLoRA (https://arxiv.org/abs/2406.01775): the first columns of Q and rows of R of W = Q·R.</summary>
    public static (Tensor A, Tensor B, Tensor Left) Olora(Tensor weight, int rank, double scaling)
    {
        var (q, r) = linalg.qr(weight);
        var a = r.narrow(0, 0, rank).contiguous();
        var b = q.narrow(1, 0, rank).contiguous();
        return (a, b, weight - (TensorOps.MatMul(b, a) * (float)scaling));
    }

    private static (Tensor Left, Tensor Values, Tensor Right) Exact(Tensor weight)
    {
        var (u, s, vh) = linalg.svd(weight, fullMatrices: false);
        return (u, s, vh);
    }

    /// <summary>Randomised range finder (Halko, Martinsson and Tropp, arXiv:0909.4061, algorithms 4.4 and 5.1), over the shorter side.</summary>
    private static (Tensor Left, Tensor Values, Tensor Right) LowRank(Tensor weight, int rank, int iterations)
    {
        var wide = weight.shape[0] < weight.shape[1];
        var tall = wide ? weight.t() : weight;

        // From a seed of its own: whoever loads the adapter has to take the same part out of the weight again.
        using var generator = new Generator(0);
        var (q, _) = linalg.qr(tall.mm(empty([tall.shape[1], rank]).normal_(0, 1, generator).to(tall.device)));
        for (var i = 0; i < iterations; i++)
        {
            (q, _) = linalg.qr(tall.t().mm(q));
            (q, _) = linalg.qr(tall.mm(q));
        }

        var (u, s, vh) = linalg.svd(q.t().mm(tall), fullMatrices: false);
        var left = q.mm(u);
        return wide ? (vh.t(), s, left.t()) : (left, s, vh);
    }
}
