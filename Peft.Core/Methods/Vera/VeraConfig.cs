using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Vera;

/// <summary>
/// Settings of VeRA: y = W·x + λb ⊙ B·(λd ⊙ A·x) with random A and B that all layers share and nobody trains; only the vectors λ do.
/// https://arxiv.org/abs/2310.11454. Field names and defaults are PEFT's.
/// </summary>
public sealed record VeraConfig : TunerConfig
{
    /// <inheritdoc />
    public override string PeftType => "VERA";

    /// <summary>Rank of the shared matrices; a rank of LoRA's size is too small. Default 256.</summary>
    public int R { get; init; } = 256;

    /// <summary>Seed of the shared matrices. Default 0.</summary>
    public int ProjectionPrngKey { get; init; }

    /// <summary>Whether the shared matrices are saved too; without them the seed has to give the same ones. Default true.</summary>
    public bool SaveProjection { get; init; } = true;

    /// <summary>Share of the adapter's inputs dropped in training. Default 0.</summary>
    public double VeraDropout { get; init; }

    /// <summary>Start of λd. Default 0.1.</summary>
    public double DInitial { get; init; } = 0.1;

    /// <summary>Whether λ start as described; false leaves λd random. Default true.</summary>
    public bool InitWeights { get; init; } = true;

    /// <summary>Whether adapted weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static VeraConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        var config = new VeraConfig
        {
            R = reader.Whole("r") ?? 256,
            ProjectionPrngKey = reader.Whole("projection_prng_key") ?? 0,
            SaveProjection = reader.Flag("save_projection") ?? true,
            VeraDropout = reader.Number("vera_dropout") ?? 0,
            DInitial = reader.Number("d_initial") ?? 0.1,
            InitWeights = reader.Flag("init_weights") ?? true,
            FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
        };
        var bias = reader.Text("bias") ?? "none";
        return WithModules(config, reader, bias == "none" ? [] : [$"bias={bias}"]);
    }

    /// <inheritdoc />
    public override IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return [("vera_lambda_b", [layer.OutFeatures]), ("vera_lambda_d", [R])];
    }

    /// <inheritdoc />
    protected override void CheckNumbers(PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckRank(result, R);
        CheckShare(result, "vera_dropout", VeraDropout);
        if (!double.IsFinite(DInitial) || DInitial == 0)
            result.Error("d_initial", "must be a number other than 0: with 0 nothing would ever learn.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        WriteModules(fields, exclude: ExcludeModules is not null);
        fields["r"] = R;
        fields["projection_prng_key"] = ProjectionPrngKey;
        fields["save_projection"] = SaveProjection;
        fields["vera_dropout"] = VeraDropout;
        fields["d_initial"] = DInitial;
        fields["init_weights"] = InitWeights;
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["bias"] = "none";
    }
}
