using Peft.Core.Models;
using Peft.Core.Serialization.Gguf;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// Writes a LoRA adapter as llama.cpp reads it (<c>--lora</c>): A and B under llama.cpp's names, and one alpha; llama.cpp scales by alpha over the rank
/// of each module. Factors that differ between modules go into B.
/// </summary>
public static class LoraGguf
{
    /// <summary>Writes the file.</summary>
    /// <param name="folder">The adapter.</param>
    /// <param name="model">Its base: the number of heads decides the order of Llama's rows.</param>
    /// <param name="path">Target, a <c>.gguf</c> file.</param>
    /// <exception cref="PeftException">An adapter or a base that has no such form.</exception>
    public static void Write(string folder, ModelConfig model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        if (GgufArchitecture.NameFor(model.ModelType) is not { } architecture)
            throw new PeftException($"A {model.ModelType} base has no GGUF form here; possible are {GgufArchitecture.KnownModels}.");
        using var adapter = LoraFolder.Open(folder);
        adapter.RequirePlain("written as GGUF");
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        var alpha = adapter.Config.ScalingOf("") * adapter.Config.R;
        var writer = new GgufWriter()
            .Set("general.type", "adapter")
            .Set("general.architecture", architecture)
            .Set("general.name", Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)))
            .Set("adapter.type", "lora")
            .Set("adapter.lora.alpha", (float)alpha);
        foreach (var module in adapter.Modules)
        {
            var name = module.IsEmbedding ? null : GgufWeights.FileName(architecture, module.Path);
            if (name is null)
                throw new PeftException($"'{module.Path}' has no name in GGUF files of {architecture}; train an adapter without it.");
            var b = module.B;
            var factor = module.Scaling * module.A.shape[0] / alpha;
            if (Math.Abs(factor - 1) > 1e-9)
                b = b * (float)factor;
            writer.Add(name + ".lora_a", module.A).Add(name + ".lora_b", GgufWeights.Interleaved(architecture, module.Path, b, model.NumAttentionHeads, model.NumKeyValueHeads));
        }

        try
        {
            writer.Write(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: the adapter cannot be written: {error.Message}", error);
        }
    }
}
