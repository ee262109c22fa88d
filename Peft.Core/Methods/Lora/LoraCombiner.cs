using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>How adapters are combined.</summary>
/// <param name="Weights">How much each counts; negative takes it away.</param>
/// <param name="Kind">One of <see cref="LoraCombiner.Kinds"/>.</param>
public sealed record CombinationOrder(IReadOnlyList<double> Weights, string Kind)
{
    /// <summary>Rank of the result of <c>svd</c>; null takes the largest of the parts.</summary>
    public int? Rank { get; init; }

    /// <summary>Share of numbers that <c>ties</c> and <c>dare</c> keep, above 0 to 1.</summary>
    public double Density { get; init; } = 0.5;

    /// <summary>Seed of what <c>dare</c> drops.</summary>
    public int Seed { get; init; } = 42;
}

/// <summary>
/// Combines saved LoRA adapters into one, as PEFT's <c>add_weighted_adapter</c> does, from their files alone: the base is not needed. A module that
/// only some of them adapt takes those.
/// </summary>
public static class LoraCombiner
{
    /// <summary>The ways to combine.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["linear", "cat", "svd", "ties", "dare_linear", "dare_ties"];

    /// <summary>Writes the combined adapter.</summary>
    /// <param name="folders">The adapters, of one base.</param>
    /// <param name="order">How.</param>
    /// <param name="output">Target folder.</param>
    /// <param name="progress">Called with modules done and in all.</param>
    /// <exception cref="PeftException">Adapters that cannot be combined, or not so; names which and why.</exception>
    public static void Write(IReadOnlyList<string> folders, CombinationOrder order, string output, Action<int, int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(output);
        Check(folders, order);
        var adapters = new List<LoraFolder>();
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        try
        {
            foreach (var folder in folders)
            {
                var adapter = LoraFolder.Open(folder);
                adapters.Add(adapter);
                adapter.RequirePlain("combined");
            }

            manual_seed(order.Seed);
            var paths = adapters.SelectMany(a => a.Modules).Select(m => m.Path).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
            var combined = new List<SavedLora>();
            foreach (var path in paths)
            {
                combined.Add(Module(path, adapters, order));
                progress?.Invoke(combined.Count, paths.Length);
            }

            Save(combined, adapters, output);
        }
        finally
        {
            foreach (var adapter in adapters)
                adapter.Dispose();
        }
    }

    private static void Check(IReadOnlyList<string> folders, CombinationOrder order)
    {
        if (!Kinds.Contains(order.Kind))
            throw new PeftException($"combination '{order.Kind}' is not known; known are {string.Join(", ", Kinds)}.");
        if (folders.Count == 0 || folders.Count != order.Weights.Count)
            throw new PeftException($"{folders.Count} adapters need as many weights, but there are {order.Weights.Count}.");
        if (order.Weights.FirstOrDefault(weight => !double.IsFinite(weight)) is var wrong && !double.IsFinite(wrong))
            throw new PeftException("A weight is no finite number.");
        if (!(order.Density > 0 && order.Density <= 1))
            throw new PeftException($"density must be above 0 and at most 1, but is {order.Density.ToString(CultureInfo.InvariantCulture)}.");
    }

    private static SavedLora Module(string path, List<LoraFolder> adapters, CombinationOrder order)
    {
        var saved = adapters.Select((adapter, i) => (Module: adapter.Modules.FirstOrDefault(m => m.Path == path), Weight: order.Weights[i], adapter.Folder)).Where(p => p.Module is not null).ToArray();
        var first = saved[0].Module!;
        foreach (var (module, _, folder) in saved.Skip(1))
        {
            if (module!.A.shape[1] != first.A.shape[1] || module.B.shape[0] != first.B.shape[0])
            {
                throw new PeftException(
                    $"{folder}: '{path}' is {module.B.shape[0]} × {module.A.shape[1]} there and {first.B.shape[0]} × {first.A.shape[1]} in {saved[0].Folder}. They are adapters of different bases.");
            }
        }

        WeightedLora[] parts = [.. saved.Select(p => new WeightedLora(p.Module!.A, p.Module.B, p.Module.Scaling, p.Weight))];
        try
        {
            var (a, b) = order.Kind switch
            {
                "linear" => LoraCombination.Linear(parts),
                "cat" => LoraCombination.Cat(parts),
                "svd" => LoraCombination.Svd(parts, order.Rank),
                "ties" => LoraCombination.Ties(parts, order.Density),
                "dare_linear" => LoraCombination.DareLinear(parts, order.Density),
                _ => LoraCombination.DareTies(parts, order.Density),
            };
            if (!a.isfinite().all().item<bool>() || !b.isfinite().all().item<bool>())
                throw new PeftException($"'{path}' would hold infinite or undefined numbers; one of the adapters is broken.");
            return new SavedLora(path, a.contiguous(), b.contiguous(), 1, first.IsEmbedding);
        }
        catch (ArgumentException refused)
        {
            throw new PeftException($"'{path}': {refused.Message.Split(" (Parameter", 2)[0]}", refused);
        }
    }

    private static void Save(List<SavedLora> combined, List<LoraFolder> adapters, string output)
    {
        var ranks = combined.ToDictionary(m => m.Path, m => (double)m.A.shape[0], StringComparer.Ordinal);
        var usual = ranks.Values.GroupBy(r => r).OrderByDescending(g => g.Count()).ThenByDescending(g => g.Key).First().Key;
        var others = ranks.Where(pair => pair.Value != usual).ToDictionary(pair => Regex.Escape(pair.Key), pair => pair.Value);
        var first = adapters[0].Config;
        var config = new LoraConfig
        {
            TaskType = first.TaskType,
            BaseModelNameOrPath = first.BaseModelNameOrPath,
            Revision = first.Revision,
            R = (int)usual,
            LoraAlpha = usual,
            TargetModules = Targets(combined, adapters),
            FanInFanOut = first.FanInFanOut,
            RankPattern = others,
            AlphaPattern = others,
        };
        try
        {
            Directory.CreateDirectory(output);
            SafetensorsWriter.Write(Path.Combine(output, "adapter_model.safetensors"), combined.SelectMany(m =>
            {
                var (a, b) = LoraFolder.Names(m);
                return new[] { new NamedParameter(a, m.A), new NamedParameter(b, m.B) };
            }));
            var options = new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
            File.WriteAllText(Path.Combine(output, PeftConfig.FileName), config.ToJson().ToJsonString(options));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{output}: the adapter cannot be written: {error.Message}", error);
        }
    }

    /// <summary>The names that all agree on, or else every path: expressions and layer choices of several configs have no common form.</summary>
    private static ModuleSelector Targets(List<SavedLora> combined, List<LoraFolder> adapters)
    {
        var configs = adapters.Select(a => a.Config).ToArray();
        var first = configs[0].TargetModules?.Names?.ToHashSet(StringComparer.Ordinal);
        var same = first is not null && configs.All(c => c.TargetModules?.Names is { } names && first.SetEquals(names) && c.LayersToTransform is null && c.ExcludeModules is null);
        return same ? configs[0].TargetModules! : ModuleSelector.FromNames(combined.Select(m => m.Path));
    }
}
