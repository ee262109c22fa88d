using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>Settings that methods on chosen linear layers share, with PEFT's names.</summary>
public abstract record TunerConfig : PeftConfig
{
    /// <summary>Layers to adapt; null takes the architecture's default (query and value for Llama).</summary>
    public ModuleSelector? TargetModules { get; init; }

    /// <summary>Layers to leave out, chosen like the targets; null leaves out none.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Numbers of the layers to adapt; null means all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>The path element in front of the layer number; null finds it by itself.</summary>
    public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Modules trained in full beside the adapter and saved with it.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Features that the JSON asked for and this engine does not have.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>The four fields that choose modules.</summary>
    public ModuleRules Rules => new(TargetModules, ExcludeModules, LayersToTransform, LayersPattern);

    /// <summary>Options that choose modules, for a method's descriptor.</summary>
    internal static IReadOnlyList<PeftOption> ModuleOptions { get; } =
    [
        new("target_modules", PeftOptionKind.Modules, "Layers to adapt: names, a regular expression, or all-linear. Empty takes the architecture's default (query and value)."),
        new("modules_to_save", PeftOptionKind.Names, "Modules trained in full and saved with the adapter, e.g. lm_head.") { Advanced = true },
        new("layers_to_transform", PeftOptionKind.Integers, "Numbers of the decoder layers to adapt; empty means all.") { Advanced = true },
        new("layers_pattern", PeftOptionKind.Names, "Path element in front of the layer number, where it is not found by itself.") { Advanced = true },
    ];

    /// <summary>The options of methods that know <c>exclude_modules</c>.</summary>
    internal static PeftOption ExcludeOption { get; } = new("exclude_modules", PeftOptionKind.Modules, "Layers to leave out, chosen like the targets.") { Advanced = true };

    /// <summary>The tensors that train at a layer, in the order of creation: what stands behind the path, and the shape.</summary>
    public abstract IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer);

    /// <inheritdoc />
    public sealed override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        foreach (var feature in Unsupported)
            result.Error(feature, $"the adapter uses '{feature}', which this version does not compute.");
        CheckNumbers(result);
        if (!TargetValidation.CheckSelectors(Rules, model, result) || !result.IsValid)
            return result;
        var saved = SavedModules(model);
        if (TargetValidation.Matching(() => ModuleTargets.Find(Rules, model, saved, embeddings: false).Modules, result) is not { } modules)
            return result;
        var selector = ModuleTargets.Find(Rules, model, saved, embeddings: false).Selector;
        TargetValidation.CheckFound(TargetModules, selector, modules.Count, [.. (ModulesToSave ?? []).Except(TaskHead.Names(TaskType))], saved, model, embeddings: false, result);
        foreach (var (layer, _) in modules)
            CheckLayer(layer, result);
        return result;
    }

    /// <inheritdoc />
    public sealed override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var saved = SavedModules(model);
        var shapes = new List<TrainableShape>();
        foreach (var (layer, _) in ModuleTargets.Find(Rules, model, saved, embeddings: false).Modules)
            shapes.AddRange(ShapesAt(layer).Select(s => new TrainableShape($"{TaskHead.TunerPrefix}{layer.Path}.{s.Suffix}", s.Shape, InBase: false)));
        foreach (var (parameter, name) in TaskHead.Parameters(model, saved, TaskHead.TunerPrefix))
            shapes.Add(new TrainableShape(name, TaskHead.ShapeOf(model, parameter), InBase: false) { Replaces = true });
        return shapes;
    }

    /// <summary>The config with the fields that choose modules, for a method's reader.</summary>
    protected static T WithModules<T>(T config, PeftJson json, params IEnumerable<string> unsupported)
        where T : TunerConfig
    {
        ArgumentNullException.ThrowIfNull(json);
        return WithCommon(config, json) with
        {
            TargetModules = ModuleSelector.FromJson(json, "target_modules"),
            ExcludeModules = ModuleSelector.FromJson(json, "exclude_modules"),
            LayersToTransform = json.Wholes("layers_to_transform"),
            LayersPattern = json.Texts("layers_pattern"),
            ModulesToSave = json.Texts("modules_to_save"),
            Unsupported = [.. unsupported],
        };
    }

    /// <summary>Writes the fields that choose modules.</summary>
    /// <param name="fields">Target.</param>
    /// <param name="exclude">Whether the method knows <c>exclude_modules</c>.</param>
    protected void WriteModules(IDictionary<string, JsonNode?> fields, bool exclude = true)
    {
        ArgumentNullException.ThrowIfNull(fields);
        fields["target_modules"] = TargetModules?.ToJson();
        fields["layers_to_transform"] = LayersToTransform is null ? null : new JsonArray([.. LayersToTransform.Select(i => (JsonNode)i)]);
        fields["layers_pattern"] = LayersPattern is null ? null : LayersPattern.Count == 1 ? LayersPattern[0] : new JsonArray([.. LayersPattern.Select(n => (JsonNode)n)]);
        fields["modules_to_save"] = ModulesToSave is null ? null : new JsonArray([.. ModulesToSave.Select(n => (JsonNode)n)]);
        if (exclude)
            fields["exclude_modules"] = ExcludeModules?.ToJson();
    }

    /// <summary>Paths of the modules that train in full, the task's head among them.</summary>
    internal IReadOnlyList<string> SavedModules(ModelConfig model) => TaskHead.Modules(model, TaskHead.Saved(ModulesToSave, TaskType) ?? []);

    /// <summary>The config as it is saved: defaults and the task's head spelled out.</summary>
    internal TunerConfig AsSaved(ModuleSelector selector) => this with { TargetModules = selector, ModulesToSave = TaskHead.Saved(ModulesToSave, TaskType) };

    /// <summary>Names with a number each as JSON.</summary>
    protected static JsonObject Map(IReadOnlyDictionary<string, double> map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return new JsonObject(map.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)Number(pair.Value))));
    }

    /// <summary>A number as Python would write it: whole ones without a point.</summary>
    protected static JsonValue Number(double value) =>
        value == Math.Truncate(value) && Math.Abs(value) < long.MaxValue ? JsonValue.Create((long)value) : JsonValue.Create(value);

    /// <summary>Reports a share that is not at least 0 and below 1.</summary>
    protected static void CheckShare(PeftValidation result, string field, double value)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (!(value >= 0 && value < 1))
            result.Error(field, $"must be at least 0 and below 1, but is {value.ToString(CultureInfo.InvariantCulture)}.");
    }

    /// <summary>Reports a rank that is not a positive whole number.</summary>
    protected static void CheckRank(PeftValidation result, int rank)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (rank <= 0)
            result.Error("r", $"the rank must be a positive whole number, but is {rank}.");
    }

    /// <summary>Checks the method's own numbers.</summary>
    protected abstract void CheckNumbers(PeftValidation result);

    /// <summary>Checks what depends on the size of a layer.</summary>
    protected virtual void CheckLayer(LinearShape layer, PeftValidation result)
    {
    }
}
