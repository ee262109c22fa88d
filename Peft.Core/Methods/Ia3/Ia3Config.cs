using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Ia3;

/// <summary>
/// Settings of (IA)³: chosen layers get a learned factor per output, those called feed-forward one per input. https://arxiv.org/abs/2205.05638.
/// Field names and defaults are PEFT's.
/// </summary>
public sealed record Ia3Config : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "IA3";

    /// <summary>Layers to scale; null takes the architecture's default.</summary>
    public ModuleSelector? TargetModules { get; init; }

    /// <summary>Those of them whose inputs are scaled instead of their outputs; null takes the architecture's default.</summary>
    public ModuleSelector? FeedforwardModules { get; init; }

    /// <summary>Layers to leave out, chosen like the targets.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Modules trained in full beside the factors and saved with them.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Whether scaled weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Whether factors start at one. False starts them at random, for tests. Default true.</summary>
    public bool InitIa3Weights { get; init; } = true;

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static Ia3Config Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithCommon(
            new Ia3Config
            {
                TargetModules = ModuleSelector.FromJson(reader, "target_modules"),
                FeedforwardModules = ModuleSelector.FromJson(reader, "feedforward_modules"),
                ExcludeModules = ModuleSelector.FromJson(reader, "exclude_modules"),
                ModulesToSave = reader.Texts("modules_to_save"),
                FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
                InitIa3Weights = reader.Flag("init_ia3_weights") ?? true,
            },
            reader);
    }

    /// <summary>
    /// The modules that PEFT scales by default and those of them whose inputs it scales; for architectures that it does not know the keys (or
    /// all three where they are one matrix), values and the last feed-forward layer. Null when the user has to choose.
    /// </summary>
    public static (IReadOnlyList<string> Targets, IReadOnlyList<string> Feedforward)? Defaults(string modelType) => modelType switch
    {
        "gpt2" or "gpt3" or "gpt_bigcode" => (["c_attn", "mlp.c_proj"], ["mlp.c_proj"]),
        "gptj" => (["q_proj", "v_proj", "fc_out"], ["fc_out"]),
        "bloom" => (["query_key_value", "mlp.dense_4h_to_h"], ["mlp.dense_4h_to_h"]),
        "opt" => (["q_proj", "k_proj", "fc2"], ["fc2"]),
        "llama" or "mistral" => (["k_proj", "v_proj", "down_proj"], ["down_proj"]),
        "qwen2" or "qwen3" or "gemma" or "gemma2" or "gemma3_text" => (["q_proj", "v_proj", "down_proj"], ["down_proj"]),
        "phi" => (["q_proj", "v_proj", "fc2"], ["fc2"]),
        "t5" => (["k", "v", "wo"], ["wo"]),
        "mt5" => (["k", "v", "wi_1"], []),
        "bert" or "roberta" or "xlm-roberta" => (["key", "value", "output.dense"], ["output.dense"]),
        "granite" or "olmo2" or "smollm3" or "stablelm" or "ernie4_5" or "hunyuan_v1_dense" => (["k_proj", "v_proj", "down_proj"], ["down_proj"]),
        "gpt_neox" or "falcon" => (["query_key_value", "dense_4h_to_h"], ["dense_4h_to_h"]),
        _ => null,
    };

    /// <summary>The scaled modules in module order, and whether their input is scaled.</summary>
    internal (ModuleSelector Selector, ModuleSelector Feedforward, IReadOnlyList<(LinearShape Shape, bool Input)> Modules) Targets(ModelConfig model)
    {
        var known = Defaults(model.ModelType);
        var feedforward = FeedforwardModules ?? ModuleSelector.FromNames(known?.Feedforward ?? []);
        var (selector, modules) = ModuleTargets.Find(Rules(model), model, SavedPaths(model), embeddings: false);
        return (selector, feedforward, [.. modules.Select(m => (m.Shape, IsFeedforward(feedforward, m.Shape.Path)))]);
    }

    /// <summary>Base parameters trained in full: checkpoint name, name in memory.</summary>
    internal IEnumerable<(string Parameter, string Name)> SavedParameters(ModelConfig model) =>
        TaskHead.Parameters(model, SavedPaths(model), TaskHead.TunerPrefix);

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        if (TargetModules is null && Defaults(model.ModelType) is null)
        {
            result.Error("target_modules", $"there is no default for architecture '{model.ModelType}'; choose from {string.Join(", ", model.Linears().Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct())}.");
            return result;
        }

        if (!TargetValidation.CheckSelectors(Rules(model), model, result))
            return result;
        if (FeedforwardModules?.Defect() is { } defect)
        {
            result.Error("feedforward_modules", $"'{FeedforwardModules.Pattern}' is no regular expression: {defect}");
            return result;
        }

        if (TargetModules?.Names is { } targets && FeedforwardModules?.Names is { } inputs && inputs.Except(targets).ToList() is { Count: > 0 } strangers)
            result.Error("feedforward_modules", $"'{strangers[0]}' is not among target_modules.");
        if (TargetValidation.Matching<object>(() => Targets(model), result) is not null)
        {
            var found = Targets(model);
            var own = (ModulesToSave ?? []).Except(TaskHead.Names(TaskType)).ToList();
            TargetValidation.CheckFound(TargetModules, found.Selector, found.Modules.Count, own, SavedPaths(model), model, embeddings: false, result);
        }

        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return
        [
            .. Targets(model).Modules.Select(m => new TrainableShape(NameOf(m.Shape.Path), m.Input ? [1, m.Shape.InFeatures] : [m.Shape.OutFeatures, 1], InBase: false)),
            .. SavedParameters(model).Select(p => new TrainableShape(p.Name, TaskHead.ShapeOf(model, p.Parameter), InBase: false) { Replaces = true }),
        ];
    }

    /// <summary>Name in memory and in files of the factors of a module.</summary>
    internal static string NameOf(string path) => $"{TaskHead.TunerPrefix}{path}.ia3_l";

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["feedforward_modules"] = FeedforwardModules?.ToJson();
        fields["init_ia3_weights"] = InitIa3Weights;
        fields["modules_to_save"] = ModulesToSave is null ? null : new JsonArray([.. ModulesToSave.Select(n => (JsonNode)JsonValue.Create(n))]);
        fields["target_modules"] = TargetModules?.ToJson();
        if (ExcludeModules is not null)
            fields["exclude_modules"] = ExcludeModules.ToJson();
    }

    /// <summary>PEFT compares endings here without regard to dots.</summary>
    private static bool IsFeedforward(ModuleSelector selector, string path) =>
        selector.Names is { } names ? names.Any(n => path.EndsWith(n, StringComparison.Ordinal)) : selector.Matches(path);

    private ModuleRules Rules(ModelConfig model) => new(
        TargetModules ?? (Defaults(model.ModelType) is { } known ? ModuleSelector.FromNames(known.Targets) : null), ExcludeModules, null, null);

    private IReadOnlyList<string> SavedPaths(ModelConfig model) => TaskHead.Modules(model, TaskHead.Saved(ModulesToSave, TaskType) ?? []);
}
