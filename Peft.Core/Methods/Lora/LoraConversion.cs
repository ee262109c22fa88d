using System.Text.Encodings.Web;
using System.Text.Json;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// Makes plain LoRA of adapters that took their start out of the weights. Their change to the unchanged base is s·(B·A − B₀·A₀), which is a
/// LoRA of twice the rank: A beside A₀, B beside −B₀.
/// </summary>
public static class LoraConversion
{
    /// <summary>Writes the plain adapter; the given one stays as it is.</summary>
    /// <param name="adapter">A LoRA that started with <c>pissa</c> or <c>olora</c>.</param>
    /// <param name="folder">Target folder.</param>
    /// <exception cref="PeftException">Another kind of adapter.</exception>
    public static void SavePlain(PeftAdapter adapter, string folder)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(folder);
        if (adapter is not LoraAdapter lora || adapter.Config is not LoraConfig { InitLoraWeights: LoraInit.Pissa or LoraInit.Olora, UseDora: false } config)
            throw new PeftException("Only a LoRA adapter that started with pissa or olora, without DoRA, is converted; this one works on the unchanged base already.");
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        var tensors = new List<NamedParameter>();
        foreach (var layer in lora.Layers.OfType<LoraLinear>())
        {
            var (a0, b0, _) = LoraLayerFactory.FromWeight(config, layer.LinearSite, layer.Target);
            var (nameOfA, nameOfB) = LoraTargets.Names(layer.Target);
            tensors.Add(new NamedParameter(nameOfA, cat([layer.A, a0], 0)));
            tensors.Add(new NamedParameter(nameOfB, cat([layer.B, -b0], 1)));
        }

        var own = lora.Layers.SelectMany(l => l.Tensors).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        tensors.AddRange(lora.Trainable.Where(t => !own.Contains(t.Name)));
        var growth = config.UseRslora ? Math.Sqrt(2) : 2;
        var plain = config with
        {
            InitLoraWeights = LoraInit.Default,
            R = 2 * config.R,
            LoraAlpha = growth * config.LoraAlpha,
            RankPattern = config.RankPattern.ToDictionary(p => p.Key, p => 2 * p.Value),
            AlphaPattern = config.AlphaPattern.ToDictionary(p => p.Key, p => growth * p.Value),
            TargetModules = LoraTargets.Resolve(config, adapter.Model.Config).Selector,
            FanInFanOut = lora.Layers.OfType<LoraLinear>().Any(l => l.Transposed),
        };
        SafetensorsWriter.Write(Path.Combine(folder, "adapter_model.safetensors"), tensors);
        var options = new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        File.WriteAllText(Path.Combine(folder, PeftConfig.FileName), plain.ToJson().ToJsonString(options));
    }
}
