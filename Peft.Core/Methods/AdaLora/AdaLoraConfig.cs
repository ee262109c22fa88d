using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.AdaLora;

/// <summary>
/// Settings of AdaLoRA: the change of a layer is written like a singular value decomposition, P·Λ·Q, and while training the less important
/// singular values of all layers are set to zero, so that a common budget of ranks goes where it is needed.
/// https://arxiv.org/abs/2303.10512. Field names and defaults are PEFT's.
/// </summary>
public sealed record AdaLoraConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "ADALORA";

    /// <summary>Rank of every module at the start. Default 12.</summary>
    public int InitR { get; init; } = 12;

    /// <summary>Mean rank of a module at the end. Default 8.</summary>
    public int TargetR { get; init; } = 8;

    /// <summary>Steps at the start without pruning. Default 0.</summary>
    public int Tinit { get; init; }

    /// <summary>Steps at the end with the final ranks. Default 0.</summary>
    public int Tfinal { get; init; }

    /// <summary>Steps between two allocations. Default 1.</summary>
    public int DeltaT { get; init; } = 1;

    /// <summary>Decay of the mean importance. Default 0.85.</summary>
    public double Beta1 { get; init; } = 0.85;

    /// <summary>Decay of the mean uncertainty. Default 0.85.</summary>
    public double Beta2 { get; init; } = 0.85;

    /// <summary>Weight of the term that keeps P and Q orthogonal. Default 0.5.</summary>
    public double OrthRegWeight { get; init; } = 0.5;

    /// <summary>Optimizer steps that the schedule is laid out for; null takes those of the training.</summary>
    public int? TotalStep { get; init; }

    /// <summary>The change is scaled by alpha / init_r. Default 8.</summary>
    public double LoraAlpha { get; init; } = 8;

    /// <summary>Share of the adapter's inputs dropped in training, 0 to 1. Default 0.</summary>
    public double LoraDropout { get; init; }

    /// <summary>Layers to adapt; null takes the architecture's default.</summary>
    public ModuleSelector? TargetModules { get; init; }

    /// <summary>Layers to leave out, chosen like the targets.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Numbers of the layers to adapt; null means all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>The path element in front of the layer number; null finds it by itself.</summary>
    public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Modules trained in full beside the adapter and saved with it.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Whether the change starts at zero. False starts everything at random, for tests. Default true.</summary>
    public bool InitLoraWeights { get; init; } = true;

    /// <summary>Whether adapted weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Which of the init_r singular values of each module are kept; null before the first allocation.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<bool>>? RankPattern { get; init; }

    /// <summary>Features that the JSON asked for and this engine does not have.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static AdaLoraConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        string[] features = ["use_dora", "use_rslora", "loftq_config", "layer_replication", "lora_bias", "alpha_pattern", "trainable_token_indices", "target_parameters"];
        var bias = reader.Text("bias") is { } asked && asked != "none" ? new[] { $"bias={asked}" } : [];
        return WithCommon(
            new AdaLoraConfig
            {
                InitR = reader.Whole("init_r") ?? 12,
                TargetR = reader.Whole("target_r") ?? 8,
                Tinit = reader.Whole("tinit") ?? 0,
                Tfinal = reader.Whole("tfinal") ?? 0,
                DeltaT = reader.Whole("deltaT") ?? 1,
                Beta1 = reader.Number("beta1") ?? 0.85,
                Beta2 = reader.Number("beta2") ?? 0.85,
                OrthRegWeight = reader.Number("orth_reg_weight") ?? 0.5,
                TotalStep = reader.Whole("total_step"),
                LoraAlpha = reader.Number("lora_alpha") ?? 8,
                LoraDropout = reader.Number("lora_dropout") ?? 0,
                TargetModules = ModuleSelector.FromJson(reader, "target_modules"),
                ExcludeModules = ModuleSelector.FromJson(reader, "exclude_modules"),
                LayersToTransform = reader.Wholes("layers_to_transform"),
                LayersPattern = reader.Texts("layers_pattern"),
                ModulesToSave = reader.Texts("modules_to_save"),
                InitLoraWeights = reader.Flag("init_lora_weights") ?? true,
                FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
                RankPattern = ReadPattern(reader.Raw("rank_pattern")),
                Unsupported = [.. features.Where(reader.IsSet), .. bias],
            },
            reader);
    }

    /// <summary>The modules that PEFT adapts by default; null when the user has to choose.</summary>
    public static IReadOnlyList<string>? Defaults(string modelType) => modelType switch
    {
        "gpt2" or "gpt3" or "gpt_bigcode" => ["c_attn"],
        "opt" => ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
        "t5" => ["q", "k", "v", "o", "wi", "wo"],
        "mt5" => ["q", "k", "v", "o", "wi_0", "wi_1", "wo"],
        _ => ModuleTargets.Defaults(modelType),
    };

    /// <summary>Singular values that a module has in memory: all of them while training, those kept in a saved adapter.</summary>
    public int RankOf(string path) => RankPattern is { } pattern && pattern.TryGetValue(path + ".lora_E", out var kept) ? kept.Count(k => k) : InitR;

    /// <summary>The adapted modules in module order.</summary>
    internal (ModuleSelector Selector, IReadOnlyList<LinearShape> Modules) Targets(ModelConfig model)
    {
        var (selector, modules) = ModuleTargets.Find(Rules(model), model, SavedPaths(model), embeddings: false);
        return (selector, [.. modules.Select(m => m.Shape)]);
    }

    /// <summary>Base parameters trained in full: checkpoint name, name in memory.</summary>
    internal IEnumerable<(string Parameter, string Name)> SavedParameters(ModelConfig model) =>
        TaskHead.Parameters(model, SavedPaths(model), TaskHead.TunerPrefix);

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        foreach (var feature in Unsupported)
            result.Error(feature, $"the adapter uses '{feature}', which this version does not compute.");
        if (InitR < 1)
            result.Error("init_r", $"must be a positive whole number, but is {InitR}.");
        if (TargetR < 1)
            result.Error("target_r", $"must be a positive whole number, but is {TargetR}.");
        else if (TargetR >= InitR)
            result.Error("target_r", $"must be below init_r ({InitR}), but is {TargetR}: otherwise there is nothing to move.");
        if (DeltaT < 1)
            result.Error("deltaT", $"must be a positive whole number, but is {DeltaT}.");
        if (Tinit < 0)
            result.Error("tinit", $"must be 0 or more, but is {Tinit}.");
        if (Tfinal < 0)
            result.Error("tfinal", $"must be 0 or more, but is {Tfinal}.");
        if (TotalStep is < 1)
            result.Error("total_step", $"must be a positive whole number, but is {TotalStep.Value}.");
        else if (TotalStep is { } total && Tinit >= total - Tfinal)
            result.Error("total_step", NoRoom(total));
        foreach (var (field, value) in new[] { ("beta1", Beta1), ("beta2", Beta2) })
        {
            if (value is not (> 0 and < 1))
                result.Error(field, $"must be between 0 and 1, but is {value}.");
        }

        if (OrthRegWeight is not > 0)
            result.Error("orth_reg_weight", $"must be above 0, but is {OrthRegWeight}.");
        if (LoraDropout is not (>= 0 and < 1))
            result.Error("lora_dropout", $"dropout must be at least 0 and below 1, but is {LoraDropout}.");
        ValidateTargets(model, result);
        return result;
    }

    /// <summary>Says that the schedule leaves no step to allocate.</summary>
    internal string NoRoom(int total) => $"{total} steps leave no room: tinit ({Tinit}) and tfinal ({Tfinal}) together must be fewer.";

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var shapes = new List<TrainableShape>();
        foreach (var module in Targets(model).Modules)
        {
            var rank = RankOf(module.Path);
            shapes.Add(new TrainableShape($"{TaskHead.TunerPrefix}{module.Path}.lora_A", [rank, module.InFeatures], InBase: false));
            shapes.Add(new TrainableShape($"{TaskHead.TunerPrefix}{module.Path}.lora_E", [rank, 1], InBase: false));
            shapes.Add(new TrainableShape($"{TaskHead.TunerPrefix}{module.Path}.lora_B", [module.OutFeatures, rank], InBase: false));
        }

        shapes.AddRange(SavedParameters(model).Select(p => new TrainableShape(p.Name, TaskHead.ShapeOf(model, p.Parameter), InBase: false) { Replaces = true }));
        return shapes;
    }

    /// <summary>The trainable line's numbers; PEFT keeps the starting rank of each module as a parameter that does not train.</summary>
    public override ParameterCount Count(ModelConfig model)
    {
        var count = base.Count(model);
        return count with { All = count.All + Targets(model).Modules.Count };
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["alpha_pattern"] = new JsonObject();
        fields["beta1"] = Beta1;
        fields["beta2"] = Beta2;
        fields["bias"] = "none";
        fields["deltaT"] = DeltaT;
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["init_lora_weights"] = InitLoraWeights;
        fields["init_r"] = InitR;
        fields["layers_pattern"] = LayersPattern is null ? null : LayersPattern.Count == 1 ? LayersPattern[0] : List(LayersPattern);
        fields["layers_to_transform"] = LayersToTransform is null ? null : new JsonArray([.. LayersToTransform.Select(i => (JsonNode)i)]);
        fields["loftq_config"] = new JsonObject();
        fields["lora_alpha"] = LoraAlpha == Math.Truncate(LoraAlpha) ? (long)LoraAlpha : LoraAlpha;
        fields["lora_dropout"] = LoraDropout;
        fields["megatron_config"] = null;
        fields["megatron_core"] = "megatron.core";
        fields["modules_to_save"] = ModulesToSave is null ? null : List(ModulesToSave);
        fields["orth_reg_weight"] = OrthRegWeight;
        fields["r"] = 8; // PEFT's field of LoRA, which AdaLoRA does not read
        fields["rank_pattern"] = RankPattern is null ? null : WritePattern(RankPattern);
        fields["target_modules"] = TargetModules?.ToJson();
        fields["target_r"] = TargetR;
        fields["tfinal"] = Tfinal;
        fields["tinit"] = Tinit;
        fields["total_step"] = TotalStep;
        fields["use_dora"] = false;
        fields["use_rslora"] = false;
        if (ExcludeModules is not null)
            fields["exclude_modules"] = ExcludeModules.ToJson();
    }

    private ModuleRules Rules(ModelConfig model) => new(
        TargetModules ?? (Defaults(model.ModelType) is { } known ? ModuleSelector.FromNames(known) : null), ExcludeModules, LayersToTransform, LayersPattern);

    private IReadOnlyList<string> SavedPaths(ModelConfig model) => TaskHead.Modules(model, TaskHead.Saved(ModulesToSave, TaskType) ?? []);

    private void ValidateTargets(ModelConfig model, PeftValidation result)
    {
        if (!TargetValidation.CheckSelectors(Rules(model), model, result))
            return;
        if (TargetValidation.Matching<object>(() => Targets(model), result) is not null)
        {
            var (selector, modules) = Targets(model);
            var own = (ModulesToSave ?? []).Except(TaskHead.Names(TaskType)).ToList();
            TargetValidation.CheckFound(TargetModules, selector, modules.Count, own, SavedPaths(model), model, embeddings: false, result);
        }
    }

    private static Dictionary<string, IReadOnlyList<bool>>? ReadPattern(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map when map.Count == 0 => null,
        JsonObject map when map.All(p => p.Value is JsonArray) =>
            map.ToDictionary(p => p.Key, p => (IReadOnlyList<bool>)[.. p.Value!.AsArray().Select(item => item is not null && item.GetValue<bool>())], StringComparer.Ordinal),
        _ => throw new PeftException($"Field 'rank_pattern' has an unusable value: {node.ToJsonString()}."),
    };

    private static JsonObject WritePattern(IReadOnlyDictionary<string, IReadOnlyList<bool>> pattern)
    {
        var json = new JsonObject();
        foreach (var (name, kept) in pattern)
            json[name] = new JsonArray([.. kept.Select(k => (JsonNode)JsonValue.Create(k))]);
        return json;
    }

    private static JsonArray List(IEnumerable<string> items) => new([.. items.Select(i => (JsonNode)JsonValue.Create(i))]);
}
