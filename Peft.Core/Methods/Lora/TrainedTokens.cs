using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// Rows of the input embedding that train (<c>trainable_token_indices</c>): new values stand in for chosen tokens, at the input and, where the
/// head shares the table, at the output.
/// </summary>
internal sealed class TrainedTokens : IEmbeddingAdapter, ILinearAdapter, IDisposable
{
    private readonly BaseModel model;
    private readonly EmbeddingSite table;
    private readonly Tensor indices;
    private readonly Tensor slots;
    private readonly Tensor rows;
    private Tensor? merged;

    public TrainedTokens(BaseModel model, string name, IReadOnlyList<int> tokens, bool train)
    {
        this.model = model;
        table = model.Embedding;
        using var gradOff = no_grad();
        indices = tensor([.. tokens.Select(t => (long)t)], device: model.Device).DetachFromDisposeScope();
        var places = Enumerable.Repeat(-1L, (int)table.Weight.shape[0]).ToArray();
        for (var i = 0; i < tokens.Count; i++)
            places[tokens[i]] = i;
        slots = tensor(places, device: model.Device).DetachFromDisposeScope();
        using var start = table.Weight.index_select(0, indices);
        rows = start.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
        rows.requires_grad = train;
        Trainable = new NamedParameter(name, rows);
    }

    /// <summary>The rows [tokens, C].</summary>
    public NamedParameter Trainable { get; }

    public void Attach()
    {
        table.Adapter = this;
        if (model.Config.HeadIsTied)
            model.Head!.Adapter = this;
    }

    public void Remove()
    {
        table.Adapter = null;
        if (model.Config.HeadIsTied)
            model.Head!.Adapter = null;
    }

    public Tensor Forward(EmbeddingSite site, Tensor ids)
    {
        var output = site.Base(ids);
        var places = slots.index_select(0, ids);
        var own = rows.index_select(0, places.clamp_min(0)).to(output.dtype);
        return where(places.ge(0).unsqueeze(1), own, output);
    }

    public Tensor Forward(LinearSite site, Tensor input)
    {
        var output = site.Base(input);
        return output.index_copy(1, indices, input.mm(rows.to(input.dtype).t()));
    }

    public void Merge()
    {
        using var scope = NewDisposeScope();
        var weight = table.WeightParameter.Value;
        merged = weight.index_copy(0, indices, rows.to(weight.dtype)).DetachFromDisposeScope();
        Remove();
        table.WeightParameter.Override(merged);
    }

    public void Unmerge(bool attach)
    {
        table.WeightParameter.Restore();
        merged?.Dispose();
        merged = null;
        if (attach)
            Attach();
    }

    public void Dispose()
    {
        indices.Dispose();
        slots.Dispose();
        rows.Dispose();
        merged?.Dispose();
    }
}
