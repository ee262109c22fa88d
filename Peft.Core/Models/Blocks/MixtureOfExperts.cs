using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Sparse mixture of experts: a gate chooses a few gated feed-forward layers per token and weighs what they make. Each expert computes only
/// the tokens that chose it. https://arxiv.org/abs/2401.04088
/// </summary>
internal sealed class MixtureOfExperts
{
    private readonly LinearSite gate;
    private readonly (LinearSite Gate, LinearSite Down, LinearSite Up)[] experts;
    private readonly int chosen;

    public MixtureOfExperts(WeightSource weights, string root, int width, int inner, int experts, int chosen)
    {
        this.chosen = chosen;
        gate = weights.Linear(root + "gate", width, experts, bias: false);
        this.experts = [.. Enumerable.Range(0, experts).Select(i => (
            weights.Linear($"{root}experts.{i}.w1", width, inner, bias: false),
            weights.Linear($"{root}experts.{i}.w2", inner, width, bias: false),
            weights.Linear($"{root}experts.{i}.w3", width, inner, bias: false)))];
    }

    /// <summary>[N, C] → [N, C].</summary>
    public Tensor Forward(Tensor x)
    {
        var shares = gate.Forward(x).softmax(-1, ScalarType.Float32); // [N, E]
        var (weights, indices) = shares.topk(chosen, -1); // [N, k]
        weights = (weights / weights.sum([-1L], keepdim: true)).to(x.dtype);
        return Combine(x, weights, indices, [.. experts.Select(expert => (Func<Tensor, Tensor>)(input =>
            expert.Down.Forward(F.silu(expert.Gate.Forward(input)) * expert.Up.Forward(input))))]);
    }

    /// <summary>The weighted sum of what the chosen experts make of each token, [N, C].</summary>
    /// <param name="x">Tokens [N, C].</param>
    /// <param name="weights">Weights of the choices [N, k].</param>
    /// <param name="indices">The chosen experts [N, k].</param>
    /// <param name="experts">What each makes of tokens [n, C].</param>
    public static Tensor Combine(Tensor x, Tensor weights, Tensor indices, IReadOnlyList<Func<Tensor, Tensor>> experts)
    {
        var result = zeros_like(x);
        for (var i = 0; i < experts.Count; i++)
        {
            var hits = indices.eq(i).nonzero(); // [n, 2]: token, place among its choices
            if (hits.shape[0] == 0)
                continue;
            var (tokens, places) = (hits.select(1, 0), hits.select(1, 1));
            var made = experts[i](x.index_select(0, tokens));
            var share = weights.index_select(0, tokens).gather(1, places.unsqueeze(1)); // [n, 1]
            result = result.index_add(0, tokens, made * share, 1);
        }

        return result;
    }
}
