using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Loha;

/// <summary>
/// Settings of LoHa: the change is the elementwise product of two low-rank ones, (alpha / r) · (w1a·w1b) ⊙ (w2a·w2b), whose rank can be r².
/// https://arxiv.org/abs/2108.06098. Field names and defaults are PEFT's.
/// </summary>
public sealed record LohaConfig : TunerConfig
{
    /// <inheritdoc />
    public override string PeftType => "LOHA";

    /// <summary>Rank of both factors. Default 8.</summary>
    public int R { get; init; } = 8;

    /// <summary>The change is scaled by alpha / r. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>Share of the change's rows dropped in training. Default 0.</summary>
    public double RankDropout { get; init; }

    /// <summary>How often a layer's change is left out in training. Default 0.</summary>
    public double ModuleDropout { get; init; }

    /// <summary>Whether it starts as a no-op; false starts everything at random. Default true.</summary>
    public bool InitWeights { get; init; } = true;

    /// <summary>Other ranks for some modules: regular expression on the end of the path, rank.</summary>
    public IReadOnlyDictionary<string, double> RankPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Other alphas for some modules: regular expression on the end of the path, alpha.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static LohaConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithModules(
            new LohaConfig
            {
                R = reader.Whole("r") ?? 8,
                Alpha = reader.Number("alpha") ?? 8,
                RankDropout = reader.Number("rank_dropout") ?? 0,
                ModuleDropout = reader.Number("module_dropout") ?? 0,
                InitWeights = reader.Flag("init_weights") ?? true,
                RankPattern = reader.Numbers("rank_pattern"),
                AlphaPattern = reader.Numbers("alpha_pattern"),
            },
            reader);
    }

    /// <summary>Rank at one module.</summary>
    public int RankOf(string path) => (int)(ModuleTargets.ByPattern(RankPattern, path) ?? R);

    /// <summary>Factor on the change of one module.</summary>
    public double ScalingOf(string path) => (ModuleTargets.ByPattern(AlphaPattern, path) ?? Alpha) / RankOf(path);

    /// <inheritdoc />
    public override IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var r = RankOf(layer.Path);
        return
        [
            ("hada_w1_a", [layer.OutFeatures, r]), ("hada_w1_b", [r, layer.InFeatures]),
            ("hada_w2_a", [layer.OutFeatures, r]), ("hada_w2_b", [r, layer.InFeatures]),
        ];
    }

    /// <inheritdoc />
    protected override void CheckNumbers(PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        CheckRank(result, R);
        CheckShare(result, "rank_dropout", RankDropout);
        CheckShare(result, "module_dropout", ModuleDropout);
        if (!double.IsFinite(Alpha) || Alpha == 0)
            result.Error("alpha", $"alpha must be a number other than 0, but is {Alpha.ToString(CultureInfo.InvariantCulture)}.");
        if (RankPattern.Values.Any(rank => rank < 1 || rank != Math.Truncate(rank)))
            result.Error("rank_pattern", "every rank must be a positive whole number.");
        TargetValidation.CheckPatterns("rank_pattern", RankPattern, result);
        TargetValidation.CheckPatterns("alpha_pattern", AlphaPattern, result);
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        WriteModules(fields);
        fields["r"] = R;
        fields["alpha"] = Number(Alpha);
        fields["rank_dropout"] = RankDropout;
        fields["module_dropout"] = ModuleDropout;
        fields["init_weights"] = InitWeights;
        fields["rank_pattern"] = Map(RankPattern);
        fields["alpha_pattern"] = Map(AlphaPattern);
        fields["use_effective_conv2d"] = false;
    }
}
