using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.AdaptionPrompt;

/// <summary>
/// The prompt of one attention: gate · softmax(q·Kᵀ/√D)·V with K and V made of the prompt by the attention's own layers, not rotated.
/// </summary>
internal sealed class AdaptionPromptLayer(BaseModel model, AttentionSite site, Tensor prompt, Tensor gate) : IAttentionAdapter, IDisposable
{
    private readonly LinearSite? joint = model.Linears.FirstOrDefault(l => l.Path == site.Path + ".c_attn");
    private readonly LinearSite? key = model.Linears.FirstOrDefault(l => l.Path == site.Path + ".k_proj");
    private readonly LinearSite? value = model.Linears.FirstOrDefault(l => l.Path == site.Path + ".v_proj");

    public IEnumerable<NamedParameter> Trainable =>
        [new($"{TaskHead.TunerPrefix}{site.Path}.adaption_prompt", prompt), new($"{TaskHead.TunerPrefix}{site.Path}.adaption_gate", gate)];

    public void Attach() => site.Adapter = this;

    public void Remove() => site.Adapter = null;

    public Tensor Forward(Tensor queries)
    {
        using var scope = NewDisposeScope();
        var config = model.Config;
        var (batch, heads, length, width) = (queries.shape[0], queries.shape[1], queries.shape[2], queries.shape[3]);
        var vectors = prompt.to(model.DType).squeeze(0); // [L, C]
        var (k, v) = Projected(vectors);
        var groups = heads / config.NumKeyValueHeads;

        // The query heads of a group lie behind one another as queries of their key head: [B, Hkv, G·T, D].
        var q = queries.reshape(batch, config.NumKeyValueHeads, groups * length, width);
        var count = k.shape[0];
        k = k.view(count, config.NumKeyValueHeads, width).transpose(0, 1); // [Hkv, L, D]
        v = v.view(count, config.NumKeyValueHeads, width).transpose(0, 1);
        var scores = q.transpose(0, 1).reshape(config.NumKeyValueHeads, batch * groups * length, width).bmm(k.transpose(1, 2)) / Math.Sqrt(width);
        var weights = (gate * scores.softmax(-1, ScalarType.Float32)).to(model.DType);
        return weights.bmm(v) // [Hkv, B·G·T, D]
            .view(config.NumKeyValueHeads, batch, groups, length, width)
            .permute(1, 3, 0, 2, 4) // [B, T, Hkv, G, D]
            .reshape(batch * length, heads * width)
            .MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        prompt.Dispose();
        gate.Dispose();
    }

    private (Tensor Keys, Tensor Values) Projected(Tensor vectors)
    {
        if (joint is null)
            return (key!.Forward(vectors), value!.Forward(vectors));
        var parts = joint.Forward(vectors).chunk(3, 1);
        return (parts[1], parts[2]);
    }
}
