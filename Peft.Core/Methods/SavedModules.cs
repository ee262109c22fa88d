using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>
/// Modules trained in full beside an adapter (<c>modules_to_save</c>). An embedding and a head that share their weight and train apart get
/// parameters of their own.
/// </summary>
internal sealed class SavedModules : IDisposable
{
    private readonly BaseModel model;
    private readonly TrainedBaseParameters trained = new();
    private readonly List<(Action<ModelParameter> Put, ModelParameter Own, ModelParameter Shared)> untied = [];

    /// <param name="model">The base.</param>
    /// <param name="parameters">Checkpoint name and name in memory of each parameter.</param>
    /// <param name="train">Whether they train.</param>
    public SavedModules(BaseModel model, IEnumerable<(string Parameter, string Name)> parameters, bool train)
    {
        this.model = model;
        using var gradOff = no_grad();
        var byName = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (parameter, name) in parameters)
            trained.Add(name, Untie(byName[parameter], name), train);
    }

    public IEnumerable<NamedParameter> Trainable => trained.Trainable;

    public void Attach()
    {
        foreach (var (put, own, _) in untied)
            put(own);
        trained.Attach();
    }

    public void Remove()
    {
        trained.Remove();
        foreach (var (put, _, shared) in untied)
            put(shared);
    }

    public void Dispose() => trained.Dispose();

    private ModelParameter Untie(ModelParameter parameter, string name)
    {
        if (!model.Config.HeadIsTied || parameter != model.Embedding.WeightParameter)
            return parameter;
        var (embedding, head) = (model.Embedding, model.Head!);
        var own = parameter.Renamed(name);
        untied.Add(name.Contains(model.Config.HeadPath!, StringComparison.Ordinal)
            ? (p => head.WeightParameter = p, own, parameter)
            : (p => embedding.WeightParameter = p, own, parameter));
        return own;
    }
}
