using Peft.Core.Models;

namespace Peft.Core.Methods.Lora;

/// <summary>A module that LoRA adapts.</summary>
/// <param name="Path">Module path.</param>
/// <param name="InFeatures">Input width; for the embedding the vocabulary.</param>
/// <param name="OutFeatures">Output width.</param>
/// <param name="HasBias">Whether the layer has a bias.</param>
/// <param name="IsEmbedding">Whether it is the input embedding.</param>
/// <param name="Rank">Rank here.</param>
/// <param name="Scaling">Factor on B·A·x here.</param>
/// <param name="Transposed">Whether the weight lies as [in, out].</param>
public sealed record LoraTarget(string Path, int InFeatures, int OutFeatures, bool HasBias, bool IsEmbedding, int Rank, double Scaling, bool Transposed = false);

/// <summary>Which modules of a base a LoRA config means: decided from names alone, without tensors.</summary>
public sealed class LoraTargets
{
    /// <summary>What PEFT puts in front of the base's module paths.</summary>
    public const string Prefix = TaskHead.TunerPrefix;

    /// <summary>What stands behind a module's path in the name of DoRA's magnitudes.</summary>
    public const string Magnitude = ".lora_magnitude_vector.weight";

    private readonly LoraConfig config;
    private readonly ModelConfig model;

    private LoraTargets(LoraConfig config, ModelConfig model, ModuleSelector selector, IReadOnlyList<LoraTarget> targets, IReadOnlyList<string> saved)
    {
        this.config = config;
        this.model = model;
        Selector = selector;
        Targets = targets;
        SavedModules = saved;
    }

    /// <summary>The selector with defaults and <c>all-linear</c> spelled out, as it is saved.</summary>
    public ModuleSelector Selector { get; }

    /// <summary>Adapted modules in module order.</summary>
    public IReadOnlyList<LoraTarget> Targets { get; }

    /// <summary>Paths of the modules trained in full (<c>modules_to_save</c>).</summary>
    public IReadOnlyList<string> SavedModules { get; }

    /// <summary>Resolves a config for a base.</summary>
    public static LoraTargets Resolve(LoraConfig config, ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(model);
        var saved = TaskHead.Modules(model, TaskHead.Saved(config.ModulesToSave, config.TaskType) ?? []);
        var rules = new ModuleRules(config.TargetModules, config.ExcludeModules, config.LayersToTransform, config.LayersPattern);
        var (selector, modules) = ModuleTargets.Find(rules, model, saved, embeddings: true);
        var targets = modules.Select(m => new LoraTarget(
            m.Shape.Path, m.Shape.InFeatures, m.Shape.OutFeatures, m.Shape.HasBias, m.IsEmbedding, config.RankOf(m.Shape.Path), config.ScalingOf(m.Shape.Path), m.Shape.Transposed));
        return new LoraTargets(config, model, selector, [.. targets], saved);
    }

    /// <summary>Every trained tensor, in PEFT's names in memory.</summary>
    public IReadOnlyList<TrainableShape> TrainableShapes()
    {
        var shapes = new List<TrainableShape>();
        foreach (var target in Targets)
        {
            var (a, b) = Names(target);
            shapes.Add(new TrainableShape(a, [target.Rank, target.InFeatures], InBase: false));
            shapes.Add(new TrainableShape(b, [target.OutFeatures, target.Rank], InBase: false));
            if (config.LoraBias && !target.IsEmbedding)
                shapes.Add(new TrainableShape(BiasName(target), [target.OutFeatures], InBase: false));
            if (config.UseDora && !target.IsEmbedding)
                shapes.Add(new TrainableShape($"{Prefix}{target.Path}{Magnitude}", [target.OutFeatures], InBase: false));
        }

        foreach (var (parameter, name) in TrainedBiases())
            shapes.Add(new TrainableShape(name, ShapeOf(parameter), InBase: true));
        foreach (var (parameter, name) in SavedParameters())
            shapes.Add(new TrainableShape(name, ShapeOf(parameter), InBase: false) { Replaces = true });
        if (Tokens() is { Count: > 0 } tokens)
            shapes.Add(new TrainableShape(TokensName, [tokens.Count, model.Outline.Embeddings[0].OutFeatures], InBase: false));
        return shapes;
    }

    /// <summary>Name of B's own bias.</summary>
    public static string BiasName(LoraTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        return $"{Prefix}{target.Path}.lora_B.bias";
    }

    /// <summary>Name of the trained rows of the input embedding.</summary>
    public string TokensName => $"{Prefix}{model.EmbeddingPath}.token_adapter.trainable_tokens_delta";

    /// <summary>Tokens whose rows in the input embedding train, rising.</summary>
    public IReadOnlyList<int> Tokens() => config.TrainableTokenIndices ?? [];

    /// <summary>Names of A and B in memory and in files.</summary>
    public static (string A, string B) Names(LoraTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        return target.IsEmbedding
            ? ($"{Prefix}{target.Path}.lora_embedding_A", $"{Prefix}{target.Path}.lora_embedding_B")
            : ($"{Prefix}{target.Path}.lora_A.weight", $"{Prefix}{target.Path}.lora_B.weight");
    }

    /// <summary>Base biases that train: checkpoint name, name in memory.</summary>
    public IEnumerable<(string Parameter, string Name)> TrainedBiases()
    {
        if (config.Bias == "none")
            yield break;
        var adapted = Targets.Select(t => t.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var shape in model.Parameters().Where(p => p.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            var path = shape.Name[..^".bias".Length];
            if (SavedModules.Any(s => path == s || path.StartsWith(s + ".", StringComparison.Ordinal)))
                continue; // trains as part of that module
            if (adapted.Contains(path))
                yield return (shape.Name, $"{Prefix}{path}.base_layer.bias");
            else if (config.Bias == "all")
                yield return (shape.Name, Prefix + shape.Name);
        }
    }

    /// <summary>Base parameters trained in full: checkpoint name (the embedding's for a tied head), name in memory.</summary>
    public IEnumerable<(string Parameter, string Name)> SavedParameters() => TaskHead.Parameters(model, SavedModules, Prefix);

    private IReadOnlyList<long> ShapeOf(string parameter) => TaskHead.ShapeOf(model, parameter);
}
