using System.Globalization;
using Peft.Core.Quantization;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>How the files of a base and its config fit together.</summary>
/// <param name="Drawn">Parameters of a head that the files lack, which start from random values.</param>
/// <param name="Unused">Tensors that the model does not use: buffers, copies of tied weights, heads of other tasks.</param>
public sealed record CheckpointFit(IReadOnlyList<string> Drawn, IReadOnlyList<string> Unused);

/// <summary>
/// Finds a model's parameters in a checkpoint although files differ in their names: with or without the base prefix, with the older
/// <c>gamma</c>/<c>beta</c> of norms, or as the architecture's own layout has them.
/// </summary>
internal sealed class CheckpointNames(Checkpoint checkpoint, ModelConfig config)
{
    /// <summary>Spread of freshly drawn heads.</summary>
    public double InitializerRange => config.InitializerRange;

    /// <summary>The stored tensor of a parameter, or null when it belongs to a head that may be drawn. The caller disposes it.</summary>
    public Tensor? Find(string name)
    {
        if (NameInFile(name) is { } stored)
            return checkpoint.Tensor(stored);
        return config.Derived(name, checkpoint);
    }

    /// <summary>Says that a weight was looked at and will not be needed again: its pages of the mapped file go.</summary>
    public void Forget(string name)
    {
        if (NameInFile(name) is { } stored)
            checkpoint.Forget(stored);
    }

    /// <summary>Whether the files hold a weight in 4 bits.</summary>
    public bool IsQuantized(string name) => NameInFile(name) is { } stored && StateName(stored) is not null;

    /// <summary>A weight that the files hold in 4 bits, or null. The caller owns it.</summary>
    public QuantizedTensor? FindQuantized(string name)
    {
        if (NameInFile(name) is not { } stored || StateName(stored) is not { } stateName)
            return null;
        using var bytes = checkpoint.Tensor(stateName);
        var state = QuantizedState.Read(bytes.bytes, $"{checkpoint.PathOf(stateName)}: tensor '{stateName}'");
        Tensor Part(string part) => checkpoint.Read(stored + part).DetachFromDisposeScope();
        return state.NestedBlockSize is null
            ? QuantizedTensor.From(Part(""), Part(".absmax"), Part(".quant_map"), state, null, null)
            : QuantizedTensor.From(Part(""), Part(".absmax"), Part(".quant_map"), state, Part(".nested_absmax"), Part(".nested_quant_map"));
    }

    /// <summary>The element type a parameter is stored in, or null when the files lack it.</summary>
    public ScalarType? StoredType(string name) => NameInFile(name) is { } stored ? checkpoint.Entry(stored).DType : null;

    /// <summary>The stored tensor of a buffer, or null when the files lack it or hold it in another shape. The caller disposes it.</summary>
    public Tensor? Find(string name, long[] shape) =>
        NameInFile(name) is { } stored && checkpoint.Entry(stored).Shape.SequenceEqual(shape) ? checkpoint.Tensor(stored) : null;

    /// <summary>Reports everything that is missing or has another shape, before any weight is read.</summary>
    public void CheckAgainst(IReadOnlyList<ParameterShape> shapes)
    {
        var missing = shapes.Where(s => NameInFile(s.Name) is null && !config.MayBeMissing(s.Name) && !config.CanDerive(s.Name, checkpoint)).Select(s => s.Name).ToList();
        if (missing.Count > 0)
        {
            var shown = string.Join(", ", missing.Take(5).Select(n => $"'{n}'"));
            var more = missing.Count > 5 ? $" and {missing.Count - 5} more" : "";
            throw new PeftException($"{Where()}: {missing.Count} tensor(s) that config.json asks for are missing: {shown}{more}.");
        }

        foreach (var shape in shapes)
        {
            if (NameInFile(shape.Name) is { } stored)
                Check(shape, stored);
        }
    }

    /// <summary>Parameters that the files lack and that are drawn anew, and tensors of the files that no parameter asks for.</summary>
    public CheckpointFit Fit(IReadOnlyList<ParameterShape> shapes)
    {
        var used = shapes.Select(s => NameInFile(s.Name)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        bool IsPart(string name) => used.Any(stored => name.StartsWith(stored + ".", StringComparison.Ordinal) && StateName(stored) is not null);
        return new CheckpointFit(
            [.. shapes.Where(s => NameInFile(s.Name) is null && !config.CanDerive(s.Name, checkpoint)).Select(s => s.Name)],
            [.. checkpoint.Names.Where(name => !used.Contains(name) && !IsPart(name)).Order(StringComparer.Ordinal)]);
    }

    private void Check(ParameterShape shape, string stored)
    {
        var entry = checkpoint.Entry(stored);
        if (StateName(stored) is not null)
        {
            if (entry.Bytes != (shape.Count + 1) / 2)
                throw new PeftException($"{checkpoint.PathOf(stored)}: tensor '{stored}' holds {(entry.Bytes * 2).ToString(CultureInfo.InvariantCulture)} 4-bit numbers, config.json asks for {shape}.");
            return;
        }

        if (!entry.Shape.SequenceEqual(shape.Shape))
        {
            throw new PeftException(
                $"{checkpoint.PathOf(stored)}: tensor '{stored}' has shape [{string.Join(", ", entry.Shape)}], config.json asks for [{string.Join(", ", shape.Shape)}].");
        }

        if (DTypes.FloatFromName(DTypes.Name(entry.DType)) is null && entry.DType != ScalarType.Float64)
            throw new PeftException($"{checkpoint.PathOf(stored)}: tensor '{stored}' is of type {entry.Format}; weights must be F32, BF16 or F16.");
    }

    private string? StateName(string stored) =>
        FourBitCode.Names.Select(type => $"{stored}.{QuantizedState.Suffix}{type}").FirstOrDefault(checkpoint.Contains);

    private string? NameInFile(string name)
    {
        foreach (var spelling in Spellings(name))
        {
            if (checkpoint.Contains(spelling))
                return spelling;
            if (OldNorm(spelling) is { } old && checkpoint.Contains(old))
                return old;
        }

        return null;
    }

    private IEnumerable<string> Spellings(string name)
    {
        if (config.PreferredName(name) is { } preferred)
            yield return preferred;
        yield return name;
        var prefix = config.BasePrefix + ".";
        yield return name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : prefix + name;
        foreach (var other in config.OtherNames(name))
            yield return other;
    }

    private static string? OldNorm(string name) =>
        !name.Contains("norm", StringComparison.OrdinalIgnoreCase) && !name.Contains(".ln", StringComparison.Ordinal) ? null
        : name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^"weight".Length] + "gamma"
        : name.EndsWith(".bias", StringComparison.Ordinal) ? name[..^"bias".Length] + "beta"
        : null;

    private string Where() => checkpoint.Names.Count > 0 ? checkpoint.PathOf(checkpoint.Names.First()) : "the weights";
}
