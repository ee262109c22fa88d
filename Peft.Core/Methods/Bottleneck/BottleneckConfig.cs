using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Bottleneck;

/// <summary>
/// Settings of bottleneck adapters: small networks (down, activation, up) behind the sub-layers of every layer. Houlsby puts them behind
/// attention and feed-forward (https://arxiv.org/abs/1902.00751), Pfeiffer behind the feed-forward alone and the addition
/// (https://arxiv.org/abs/2005.00247), the parallel form beside the feed-forward (https://arxiv.org/abs/2110.04366). PEFT has no such types;
/// field names, defaults and files are those of AdapterHub's <c>adapters</c>.
/// </summary>
public sealed record BottleneckConfig : PeftConfig
{
    /// <summary>Version of AdapterHub's library whose format is written.</summary>
    internal const string Version = "adapters.1.3.0";

    /// <summary>Activations.</summary>
    internal static readonly IReadOnlyList<string> Activations = ["swish", "relu", "gelu", "gelu_new", "tanh"];

    /// <summary>Ways to start.</summary>
    internal static readonly IReadOnlyList<string> Starts = ["bert", "mam_adapter"];

    private readonly string kind;

    private BottleneckConfig(string kind) => this.kind = kind;

    /// <inheritdoc />
    public override string PeftType => kind;

    /// <summary>Name of the adapter, which is part of its tensors' names. Default <c>default</c>.</summary>
    public string Name { get; init; } = "default";

    /// <summary>The width of the network is the base's divided by this. Default 16, parallel 2.</summary>
    public double ReductionFactor { get; init; } = 16;

    /// <summary>Activation in the middle. Default swish for Houlsby, relu for the others.</summary>
    public string NonLinearity { get; init; } = "relu";

    /// <summary>Whether attentions get one. Default true for Houlsby only.</summary>
    public bool MhAdapter { get; init; }

    /// <summary>Whether feed-forward layers get one. Default true.</summary>
    public bool OutputAdapter { get; init; } = true;

    /// <summary>Whether the network reads the sum with the residual stream (and the norm behind it, where there is one). Default true for Pfeiffer only.</summary>
    public bool OriginalLnBefore { get; init; }

    /// <summary>Whether the network reads what the sub-layer reads. Default true for the parallel form only.</summary>
    public bool IsParallel { get; init; }

    /// <summary>Factor on what the network adds. Default 1, parallel 4.</summary>
    public double Scaling { get; init; } = 1;

    /// <summary>How weights start: <c>bert</c> (normal, deviation 0.02) or <c>mam_adapter</c> (down uniform, up zero: a no-op). Default bert, parallel mam_adapter.</summary>
    public string InitWeights { get; init; } = "bert";

    /// <summary>Features that the JSON asked for and this engine does not have.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>The defaults of a kind: <c>HOULSBY</c>, <c>PFEIFFER</c> or <c>BOTTLENECK</c> (parallel).</summary>
    public static BottleneckConfig Of(string kind) => kind switch
    {
        "HOULSBY" => new BottleneckConfig(kind) { MhAdapter = true, NonLinearity = "swish" },
        "PFEIFFER" => new BottleneckConfig(kind) { OriginalLnBefore = true },
        _ => new BottleneckConfig(kind) { IsParallel = true, ReductionFactor = 2, Scaling = 4, InitWeights = "mam_adapter" },
    };

    /// <summary>Whether a JSON object is AdapterHub's <c>adapter_config.json</c> of a kind.</summary>
    internal static bool Recognises(JsonObject json, string kind) => json["config"] is JsonObject fields && KindOf(new PeftJson(fields)) == kind;

    /// <summary>Reads the fields, flat as in a run's request or inside AdapterHub's <c>adapter_config.json</c>.</summary>
    internal static BottleneckConfig Read(JsonObject json, string kind)
    {
        var outer = new PeftJson(json);
        var nested = json["config"] as JsonObject;
        var reader = nested is null ? outer : new PeftJson(nested);
        var defaults = Of(kind);
        string[] features = ["cross_adapter", "inv_adapter", "leave_out", "ln_after", "ln_before", "adapter_residual_before_ln", "phm_layer", "use_gating", "shared_W_phm"];
        string[] numbers = [.. new[] { "dropout", "stochastic_depth" }.Where(f => reader.Number(f) is not (null or 0))];
        string[] others = reader.Flag("residual_before_ln") == false ? ["residual_before_ln"] : [];
        var read = defaults with
        {
            Name = outer.Text("name") ?? "default",
            ReductionFactor = reader.Number("reduction_factor") ?? defaults.ReductionFactor,
            NonLinearity = reader.Text("non_linearity") ?? defaults.NonLinearity,
            MhAdapter = reader.Flag("mh_adapter") ?? defaults.MhAdapter,
            OutputAdapter = reader.Flag("output_adapter") ?? defaults.OutputAdapter,
            OriginalLnBefore = reader.Flag("original_ln_before") ?? defaults.OriginalLnBefore,
            IsParallel = reader.Flag("is_parallel") ?? defaults.IsParallel,
            Scaling = reader.Number("scaling") ?? defaults.Scaling,
            InitWeights = reader.Text("init_weights") ?? defaults.InitWeights,
            Unsupported = [.. features.Where(reader.IsSet), .. numbers, .. others],
        };
        return nested is null
            ? WithCommon(read, outer)
            : read with { BaseModelNameOrPath = outer.Text("model_name"), TaskType = TaskOf(outer.Text("model_class") ?? "") };
    }

    /// <summary>Width of the networks on this base.</summary>
    public int Width(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Math.Max(1, (int)(model.HiddenSize / ReductionFactor));
    }

    /// <summary>Paths of the places that get a network, in order of creation.</summary>
    internal IEnumerable<string> Places(ModelConfig model) =>
        model.Outline.Sublayers.Where(s => s.Kind == SublayerKind.Attention ? MhAdapter : OutputAdapter).Select(s => s.Path);

    /// <summary>Parameters of the task's head, which trains beside and is saved apart.</summary>
    internal IEnumerable<string> HeadParameters(ModelConfig model) =>
        TaskHead.Parameters(model, TaskHead.Modules(model, TaskHead.Names(TaskType)), "").Select(p => p.Parameter);

    /// <summary>What stands in front of a place's tensor names.</summary>
    internal string RootOf(string place) => $"{place}.adapters.{Name}.";

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        foreach (var feature in Unsupported)
            result.Error(feature, $"the adapter uses '{feature}', which this version does not compute.");
        if (!(ReductionFactor > 0) || !double.IsFinite(ReductionFactor))
            result.Error("reduction_factor", $"must be above 0, but is {ReductionFactor}.");
        else if (ReductionFactor > model.HiddenSize)
            result.Warn("reduction_factor", $"{ReductionFactor} is more than the width {model.HiddenSize} of this base: every network is one number wide.");
        if (!Activations.Contains(NonLinearity))
            result.Error("non_linearity", $"'{NonLinearity}' is not known; known are {string.Join(", ", Activations)}.");
        if (!Starts.Contains(InitWeights))
            result.Error("init_weights", $"'{InitWeights}' is not known; known are {string.Join(", ", Starts)}.");
        if (Scaling == 0 || !double.IsFinite(Scaling))
            result.Error("scaling", $"must be a number other than 0, but is {Scaling}.");
        if (Name.Length == 0 || Name.Contains('.', StringComparison.Ordinal))
            result.Error("name", $"'{Name}' cannot be part of a tensor's name: use letters, digits and underscores.");
        if (!MhAdapter && !OutputAdapter)
            result.Error("output_adapter", "an adapter needs a place: set mh_adapter or output_adapter.");
        if (model.Outline.Sublayers.Count == 0)
            result.Error("peft_type", $"a {model.ModelType} base offers no place for networks behind its sub-layers. Choose another method.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        long width = model.HiddenSize;
        long inner = Width(model);
        return
        [
            .. Places(model).SelectMany(place => new[]
            {
                new TrainableShape(RootOf(place) + "adapter_down.0.weight", [inner, width], InBase: false),
                new TrainableShape(RootOf(place) + "adapter_down.0.bias", [inner], InBase: false),
                new TrainableShape(RootOf(place) + "adapter_up.weight", [width, inner], InBase: false),
                new TrainableShape(RootOf(place) + "adapter_up.bias", [width], InBase: false),
            }),
            .. HeadParameters(model).Select(name => new TrainableShape(name, TaskHead.ShapeOf(model, name), InBase: true)),
        ];
    }

    /// <summary>As AdapterHub writes it: the fields inside, and what they belong to.</summary>
    internal override JsonObject SavedJson(BaseModel model)
    {
        var json = BottleneckFiles.Describe(model, BaseModelNameOrPath);
        json["config"] = HubFields();
        json["name"] = Name;
        return json;
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["init_weights"] = InitWeights;
        fields["is_parallel"] = IsParallel;
        fields["mh_adapter"] = MhAdapter;
        fields["name"] = Name;
        fields["non_linearity"] = NonLinearity;
        fields["original_ln_before"] = OriginalLnBefore;
        fields["output_adapter"] = OutputAdapter;
        fields["reduction_factor"] = Number(ReductionFactor);
        fields["scaling"] = Scaling;
    }

    private static string KindOf(PeftJson fields) =>
        fields.Flag("is_parallel") == true ? "BOTTLENECK" : fields.Flag("mh_adapter") == true ? "HOULSBY" : "PFEIFFER";

    private static string TaskOf(string modelClass) => modelClass switch
    {
        _ when modelClass.EndsWith("ForSequenceClassification", StringComparison.Ordinal) => "SEQ_CLS",
        _ when modelClass.EndsWith("ForTokenClassification", StringComparison.Ordinal) => "TOKEN_CLS",
        _ when modelClass.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) => "QUESTION_ANS",
        _ when modelClass.EndsWith("ForConditionalGeneration", StringComparison.Ordinal) => "SEQ_2_SEQ_LM",
        _ when modelClass.EndsWith("ForCausalLM", StringComparison.Ordinal) || modelClass.EndsWith("LMHeadModel", StringComparison.Ordinal) => "CAUSAL_LM",
        _ => "FEATURE_EXTRACTION",
    };

    private static JsonValue Number(double value) => value == Math.Truncate(value) ? JsonValue.Create((long)value) : JsonValue.Create(value);

    /// <summary>Every field of AdapterHub's config; those that this engine does not compute are at their defaults.</summary>
    private JsonObject HubFields() => new()
    {
        ["adapter_residual_before_ln"] = false,
        ["cross_adapter"] = false,
        ["dropout"] = 0.0,
        ["factorized_phm_W"] = true,
        ["factorized_phm_rule"] = false,
        ["hypercomplex_nonlinearity"] = "glorot-uniform",
        ["init_weights"] = InitWeights,
        ["init_weights_seed"] = null,
        ["inv_adapter"] = null,
        ["inv_adapter_reduction_factor"] = null,
        ["is_parallel"] = IsParallel,
        ["learn_phm"] = true,
        ["leave_out"] = new JsonArray(),
        ["ln_after"] = false,
        ["ln_before"] = false,
        ["mh_adapter"] = MhAdapter,
        ["non_linearity"] = NonLinearity,
        ["original_ln_after"] = true,
        ["original_ln_before"] = OriginalLnBefore,
        ["output_adapter"] = OutputAdapter,
        ["phm_bias"] = true,
        ["phm_c_init"] = "normal",
        ["phm_dim"] = 4,
        ["phm_init_range"] = 0.0001,
        ["phm_layer"] = false,
        ["phm_rank"] = 1,
        ["reduction_factor"] = Number(ReductionFactor),
        ["residual_before_ln"] = true,
        ["scaling"] = Scaling,
        ["shared_W_phm"] = false,
        ["shared_phm_rule"] = true,
        ["stochastic_depth"] = 0.0,
        ["use_gating"] = false,
    };
}
