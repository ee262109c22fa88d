using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>The weights file of an adapter while it is being loaded: checks names and shapes and notices what nobody asked for.</summary>
internal sealed class AdapterFile : IDisposable
{
    private readonly IWeightFile file;
    private readonly HashSet<string> unused;

    private AdapterFile(IWeightFile file)
    {
        this.file = file;
        unused = [.. file.Stored.Keys];
    }

    public static AdapterFile Open(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (File.Exists(path))
            return new AdapterFile(Checkpoint.OpenFile(path));
        var older = Path.ChangeExtension(path, ".bin"); // what PEFT wrote before it wrote safetensors
        return File.Exists(older)
            ? new AdapterFile(Checkpoint.OpenFile(older))
            : throw new PeftException($"{path}: file not found; the adapter's weights are missing.");
    }

    /// <summary>Copies a tensor of the file into a target of the same shape. The first of the names that exists counts.</summary>
    public void CopyInto(Tensor target, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (!file.Stored.TryGetValue(name, out var entry))
                continue;
            if (!entry.Shape.SequenceEqual(target.shape))
            {
                throw new PeftException(
                    $"{file.Path}: tensor '{name}' has shape [{string.Join(", ", entry.Shape)}], this base and config ask for [{string.Join(", ", target.shape)}].");
            }

            unused.Remove(name);
            using var gradOff = no_grad();
            using var source = file.Tensor(name);
            target.copy_(source);
            return;
        }

        throw new PeftException($"{file.Path}: tensor '{names[0]}' is missing.");
    }

    /// <summary>Fails when the file holds adapter tensors that found no place, since the result would silently be another model.</summary>
    public void CheckAllUsed(Func<string, bool> mayBeIgnored)
    {
        var left = unused.Where(name => !mayBeIgnored(name)).Order(StringComparer.Ordinal).ToList();
        if (left.Count > 0)
            throw new PeftException($"{file.Path}: {left.Count} tensor(s) have no place in this base, the first is '{left[0]}'. Is it an adapter for another model?");
    }

    public void Dispose() => file.Dispose();
}
