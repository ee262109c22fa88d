using Peft.Core.Serialization;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>A and B of one module as they lie in a folder.</summary>
/// <param name="Path">Module path in the base.</param>
/// <param name="A">A [r, in] in float32.</param>
/// <param name="B">B [out, r] in float32.</param>
/// <param name="Scaling">Factor on B·A.</param>
/// <param name="IsEmbedding">Whether it adapts an embedding.</param>
public sealed record SavedLora(string Path, Tensor A, Tensor B, double Scaling, bool IsEmbedding);

/// <summary>A saved LoRA adapter without its base: what can be computed from A and B alone. Owns the tensors.</summary>
public sealed class LoraFolder : IDisposable
{
    private const string WeightsFile = "adapter_model.safetensors";
    private static readonly (string A, string B, bool IsEmbedding)[] s_pairs = [(".lora_A.weight", ".lora_B.weight", false), (".lora_embedding_A", ".lora_embedding_B", true)];

    private LoraFolder(string folder, LoraConfig config, IReadOnlyList<SavedLora> modules, IReadOnlyList<string> others) =>
        (Folder, Config, Modules, Others) = (folder, config, modules, others);

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>Its settings.</summary>
    public LoraConfig Config { get; }

    /// <summary>The adapted modules in the order of the file.</summary>
    public IReadOnlyList<SavedLora> Modules { get; }

    /// <summary>Tensors beside A and B: biases, magnitudes, modules trained in full.</summary>
    public IReadOnlyList<string> Others { get; }

    /// <summary>Opens a folder with <c>adapter_config.json</c> and its weights.</summary>
    /// <exception cref="PeftException">No LoRA adapter, or damaged.</exception>
    public static LoraFolder Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (PeftConfig.Load(folder) is not LoraConfig config)
            throw new PeftException($"{folder}: is no LoRA adapter. Only LoRA adapters can be combined, or written as GGUF.");
        var path = System.IO.Path.Combine(folder, WeightsFile);
        using var file = Checkpoint.OpenFile(File.Exists(path) ? path : System.IO.Path.ChangeExtension(path, ".bin"));
        using var gradOff = no_grad();
        var modules = new List<SavedLora>();
        var others = new List<string>();
        try
        {
            foreach (var name in file.Stored.Keys.Order(StringComparer.Ordinal))
            {
                if (name.EndsWith(".base_layer.weight", StringComparison.Ordinal) || s_pairs.Any(pair => name.EndsWith(pair.B, StringComparison.Ordinal)))
                    continue;
                if (s_pairs.FirstOrDefault(pair => name.EndsWith(pair.A, StringComparison.Ordinal)) is not { A: { } suffix } found)
                {
                    others.Add(name);
                    continue;
                }

                var stem = name[..^suffix.Length];
                var module = stem.StartsWith(LoraTargets.Prefix, StringComparison.Ordinal) ? stem[LoraTargets.Prefix.Length..] : stem;
                modules.Add(new SavedLora(module, Read(file, name), Read(file, stem + found.B), config.ScalingOf(module), found.IsEmbedding));
            }

            return new LoraFolder(folder, config, modules, others);
        }
        catch
        {
            foreach (var module in modules)
                Free(module);
            throw;
        }
    }

    /// <summary>Names of A and B of a module in files.</summary>
    public static (string A, string B) Names(SavedLora module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var pair = s_pairs.First(p => p.IsEmbedding == module.IsEmbedding);
        return ($"{LoraTargets.Prefix}{module.Path}{pair.A}", $"{LoraTargets.Prefix}{module.Path}{pair.B}");
    }

    /// <summary>Refuses what is more than a plain change B·A of the unchanged base.</summary>
    /// <param name="purpose">What it is wanted for, e.g. <c>combined</c>.</param>
    /// <exception cref="PeftException">It started from the weights, or trains more than A and B.</exception>
    public void RequirePlain(string purpose)
    {
        if (Config.InitLoraWeights is LoraInit.Pissa or LoraInit.Olora)
            throw new PeftException($"{Folder}: started with {(Config.InitLoraWeights == LoraInit.Pissa ? "pissa" : "olora")}, so its A and B belong to a changed base. Convert it to plain LoRA first.");
        if (Others.Count > 0)
            throw new PeftException($"{Folder}: holds more than A and B ('{Others[0]}'), which cannot be {purpose}. Merge it into the base instead.");
        if (Modules.Count == 0)
            throw new PeftException($"{Folder}: holds no A and B.");
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var module in Modules)
            Free(module);
    }

    private static Tensor Read(IWeightFile file, string name)
    {
        if (!file.Stored.ContainsKey(name))
            throw new PeftException($"{file.Path}: tensor '{name}' is missing.");
        using var stored = file.Tensor(name);
        return stored.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
    }

    private static void Free(SavedLora module)
    {
        module.A.Dispose();
        module.B.Dispose();
    }
}
