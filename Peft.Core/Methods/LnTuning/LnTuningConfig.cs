using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.LnTuning;

/// <summary>
/// Settings of LN tuning: only the norms of the base train, in copies. https://arxiv.org/abs/2312.11420. Field names and defaults are PEFT's.
/// </summary>
public sealed record LnTuningConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "LN_TUNING";

    /// <summary>Norms to train; null takes the architecture's default.</summary>
    public ModuleSelector? TargetModules { get; init; }

    /// <summary>Norms to leave out, chosen like the targets.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Modules trained in full beside the norms and saved with them.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static LnTuningConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithCommon(
            new LnTuningConfig
            {
                TargetModules = ModuleSelector.FromJson(reader, "target_modules"),
                ExcludeModules = ModuleSelector.FromJson(reader, "exclude_modules"),
                ModulesToSave = reader.Texts("modules_to_save"),
            },
            reader);
    }

    /// <summary>The norms that PEFT trains by default; for architectures that it does not know all of them.</summary>
    public static IReadOnlyList<string> Defaults(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.ModelType switch
        {
            "llama" or "mistral" or "gemma" => ["input_layernorm", "post_attention_layernorm", "norm"],
            "bloom" => ["input_layernorm", "post_attention_layernorm", "ln_f"],
            "gpt2" => ["ln_1", "ln_2", "ln_f"],
            "gptj" => ["ln_1", "ln_f"],
            "t5" or "mt5" => ["layer_norm", "final_layer_norm"],
            "phi" => ["input_layernorm", "final_layernorm"],
            "qwen2" or "qwen3" => ["post_attention_layernorm"],
            _ => [.. model.Outline.Norms.Select(n => n[(n.LastIndexOf('.') + 1)..]).Distinct()],
        };
    }

    /// <summary>The selector with defaults spelled out, and the norms in module order.</summary>
    internal (ModuleSelector Selector, IReadOnlyList<string> Norms) Targets(ModelConfig model)
    {
        var selector = TargetModules ?? ModuleSelector.FromNames(Defaults(model));
        return (selector, [.. model.Outline.Norms.Where(n => selector.Matches(n) && ExcludeModules?.Matches(n) != true)]);
    }

    /// <summary>Base parameters that train: checkpoint name, name in memory.</summary>
    internal IEnumerable<(string Parameter, string Name)> NormParameters(ModelConfig model)
    {
        foreach (var norm in Targets(model).Norms)
        {
            foreach (var part in new[] { "weight", "bias" })
            {
                var name = $"{norm}.{part}";
                if (model.Parameters().Any(p => p.Name == name))
                    yield return (name, $"{TaskHead.TunerPrefix}{norm}.ln_tuning_layers.{part}");
            }
        }
    }

    /// <summary>Base parameters of modules trained in full: checkpoint name, name in memory.</summary>
    internal IEnumerable<(string Parameter, string Name)> SavedParameters(ModelConfig model) =>
        TaskHead.Parameters(model, SavedPaths(model), TaskHead.TunerPrefix);

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        foreach (var (field, selector) in new[] { ("target_modules", TargetModules), ("exclude_modules", ExcludeModules) })
        {
            if (selector?.Defect() is { } defect)
                result.Error(field, $"'{selector.Pattern}' is no regular expression: {defect}");
        }

        if (!result.IsValid || TargetValidation.Matching<object>(() => Targets(model), result) is null)
            return result;
        foreach (var name in TargetModules?.Names ?? [])
        {
            if (!model.Outline.Norms.Any(n => ModuleSelector.MatchesName(n, name)))
                result.Error("target_modules", $"no norm is called '{name}'; this base has {Known(model)}.");
        }

        if (result.IsValid && !NormParameters(model).Any())
            result.Error("target_modules", $"no norm matches {TargetModules?.ToJson().ToJsonString() ?? "the default"}; this base has {Known(model)}.");
        var saved = SavedPaths(model);
        foreach (var name in (ModulesToSave ?? []).Except(TaskHead.Names(TaskType)))
        {
            if (!saved.Any(m => m.EndsWith(name, StringComparison.Ordinal)))
                result.Error("modules_to_save", $"no module is called '{name}'.");
        }

        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. NormParameters(model).Concat(SavedParameters(model)).Select(p => new TrainableShape(p.Name, TaskHead.ShapeOf(model, p.Parameter), InBase: false) { Replaces = true })];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["modules_to_save"] = ModulesToSave is null ? null : new JsonArray([.. ModulesToSave.Select(n => (JsonNode)JsonValue.Create(n))]);
        fields["target_modules"] = TargetModules?.ToJson();
        if (ExcludeModules is not null)
            fields["exclude_modules"] = ExcludeModules.ToJson();
    }

    private static string Known(ModelConfig model) => string.Join(", ", model.Outline.Norms.Select(n => n[(n.LastIndexOf('.') + 1)..]).Distinct());

    private IReadOnlyList<string> SavedPaths(ModelConfig model) => TaskHead.Modules(model, TaskHead.Saved(ModulesToSave, TaskType) ?? []);
}
