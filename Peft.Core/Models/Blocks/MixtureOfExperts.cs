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
        var result = zeros_like(x);
        for (var i = 0; i < experts.Length; i++)
        {
            var hits = indices.eq(i).nonzero(); // [n, 2]: token, place among its choices
            if (hits.shape[0] == 0)
                continue;
            var (tokens, places) = (hits.select(1, 0), hits.select(1, 1));
            var input = x.index_select(0, tokens);
            var (expertGate, down, up) = experts[i];
            var made = down.Forward(F.silu(expertGate.Forward(input)) * up.Forward(input));
            var share = weights.index_select(0, tokens).gather(1, places.unsqueeze(1)); // [n, 1]
            result = result.index_add(0, tokens, made * share, 1);
        }

        return result;
    }
}
