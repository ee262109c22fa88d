using Peft.Core.Serialization;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>A tensor, or the change of a module, in two adapters.</summary>
/// <param name="Name">Its name.</param>
/// <param name="First">Length (root of the sum of squares) in the first; null where it is absent.</param>
/// <param name="Second">Length in the second; null where it is absent.</param>
/// <param name="Cosine">Cosine of the angle between them, -1 to 1; null where one is absent, zero, or of another shape.</param>
public sealed record ComparedTensor(string Name, double? First, double? Second, double? Cosine);

/// <summary>Two saved adapters beside each other, tensor by tensor, without a base.</summary>
public static class AdapterComparison
{
    /// <summary>Compares the weights files of two folders. Reads a tensor at a time.</summary>
    /// <exception cref="PeftException">A folder without weights, or damaged ones.</exception>
    public static IReadOnlyList<ComparedTensor> OfTensors(string first, string second)
    {
        using var gradOff = no_grad();
        using var one = Open(first);
        using var two = Open(second);
        var result = new List<ComparedTensor>();
        foreach (var name in one.Stored.Keys.Union(two.Stored.Keys).Order(StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            var a = one.Stored.ContainsKey(name) ? one.Tensor(name).to(ScalarType.Float64) : null;
            var b = two.Stored.ContainsKey(name) ? two.Tensor(name).to(ScalarType.Float64) : null;
            var (x, y) = (Length(a), Length(b));
            double? cosine = a is not null && b is not null && x > 0 && y > 0 && a.shape.AsSpan().SequenceEqual(b.shape) ? (a * b).sum().item<double>() / (x!.Value * y!.Value) : null;
            result.Add(new ComparedTensor(name, x, y, cosine));
        }

        return result;
    }

    /// <summary>The weights file of an adapter's folder.</summary>
    /// <exception cref="PeftException">There is none.</exception>
    public static IWeightFile Open(string folder)
    {
        var path = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal).Concat(Directory.EnumerateFiles(folder, "adapter_model.bin")).FirstOrDefault()
            : null;
        return path is null ? throw new PeftException($"{folder}: file not found; the adapter's weights are missing.") : Checkpoint.OpenFile(path);
    }

    private static double? Length(Tensor? tensor) => tensor is null ? null : Math.Sqrt((tensor * tensor).sum().item<double>());
}
