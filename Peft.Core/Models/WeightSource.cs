using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// Hands a model its parameters, checked against the shapes of its config and brought to the wanted element type and device. Weights that
/// already have both stay views of the mapped file.
/// </summary>
public sealed class WeightSource
{
    private readonly Checkpoint checkpoint;
    private readonly Dictionary<string, ParameterShape> expected;
    private readonly List<ModelParameter> taken = [];

    internal WeightSource(Checkpoint checkpoint, ModelConfig config, ScalarType dtype, Device device)
    {
        this.checkpoint = checkpoint;
        DType = dtype;
        Device = device;
        var shapes = config.Parameters();
        Check(shapes);
        expected = shapes.ToDictionary(s => s.Name, StringComparer.Ordinal);
    }

    /// <summary>Element type the model computes in.</summary>
    public ScalarType DType { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Parameters handed out so far, in that order.</summary>
    public IReadOnlyList<ModelParameter> Taken => taken;

    /// <summary>The parameter of that name. The model owns it.</summary>
    public ModelParameter Take(string name)
    {
        if (!expected.ContainsKey(name))
            throw new InvalidOperationException($"The architecture takes '{name}', which its config does not list.");
        using var stored = checkpoint.Tensor(name);
        var tensor = stored.to(DType, Device).DetachFromDisposeScope();
        tensor.requires_grad = false;
        var parameter = new ModelParameter(name, tensor);
        taken.Add(parameter);
        return parameter;
    }

    /// <summary>The parameter of that name, or null when the condition says that the model has none.</summary>
    public ModelParameter? TakeIf(bool condition, string name) => condition ? Take(name) : null;

    private void Check(IReadOnlyList<ParameterShape> shapes)
    {
        var missing = shapes.Where(s => !checkpoint.Contains(s.Name)).Select(s => s.Name).ToList();
        if (missing.Count > 0)
        {
            var shown = string.Join(", ", missing.Take(5).Select(n => $"'{n}'"));
            var more = missing.Count > 5 ? $" and {missing.Count - 5} more" : "";
            throw new PeftException($"{Where()}: {missing.Count} tensor(s) that config.json asks for are missing: {shown}{more}.");
        }

        foreach (var shape in shapes)
        {
            var entry = checkpoint.Entry(shape.Name);
            if (!entry.Shape.SequenceEqual(shape.Shape))
            {
                throw new PeftException(
                    $"{checkpoint.PathOf(shape.Name)}: tensor '{shape.Name}' has shape [{string.Join(", ", entry.Shape)}], config.json asks for [{string.Join(", ", shape.Shape)}].");
            }

            if (DTypes.FloatFromName(DTypes.Name(entry.DType)) is null && entry.DType != ScalarType.Float64)
                throw new PeftException($"{checkpoint.PathOf(shape.Name)}: tensor '{shape.Name}' is of type {DTypes.Code(entry.DType)}; weights must be F32, BF16 or F16.");
        }
    }

    private string Where() => checkpoint.Names.Count > 0 ? checkpoint.PathOf(checkpoint.Names.First()) : "the weights";
}
