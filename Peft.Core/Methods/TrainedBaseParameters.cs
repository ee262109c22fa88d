using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>
/// Base parameters that a method trains: each is copied in float32 and the copy computes instead of the original while the method is
/// enabled.
/// </summary>
internal sealed class TrainedBaseParameters : IDisposable
{
    private readonly List<(string Name, ModelParameter Target, Tensor Copy)> items = [];

    /// <summary>The copies under their names in memory.</summary>
    public IEnumerable<NamedParameter> Trainable => items.Select(i => new NamedParameter(i.Name, i.Copy));

    /// <summary>The trained copy of a base parameter, or null when it does not train.</summary>
    public Tensor? CopyOf(ModelParameter parameter) => items.Find(i => i.Target == parameter).Copy;

    /// <summary>Copies a parameter and lets the copy compute.</summary>
    public void Add(string name, ModelParameter target, bool train)
    {
        var copy = target.Original.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
        copy.requires_grad = train;
        items.Add((name, target, copy));
        target.Override(copy);
    }

    public void Attach()
    {
        foreach (var (_, target, copy) in items)
            target.Override(copy);
    }

    public void Remove()
    {
        foreach (var (_, target, _) in items)
            target.Restore();
    }

    public void Dispose()
    {
        foreach (var (_, _, copy) in items)
            copy.Dispose();
    }
}
