using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Lokr;

/// <summary>How LoKr cuts a layer: the change is the Kronecker product of [OutOuter, InOuter] and [OutInner, InInner].</summary>
/// <param name="OutOuter">Rows of the first factor.</param>
/// <param name="InOuter">Columns of the first factor.</param>
/// <param name="OutInner">Rows of the second factor.</param>
/// <param name="InInner">Columns of the second factor.</param>
/// <param name="Rank">Rank here.</param>
/// <param name="FullFirst">Whether the first factor is one matrix, or a product of two.</param>
/// <param name="FullSecond">Whether the second factor is one matrix, or a product of two.</param>
public sealed record LokrCut(int OutOuter, int InOuter, int OutInner, int InInner, int Rank, bool FullFirst, bool FullSecond);

/// <summary>
/// Settings of LoKr: the change is a Kronecker product of two small matrices, the larger of low rank. https://arxiv.org/abs/2212.10650.
/// Field names and defaults are PEFT's.
/// </summary>
public sealed record LokrConfig : TunerConfig
{
    /// <inheritdoc />
    public override string PeftType => "LOKR";

    /// <summary>Rank of a factor that is a product. Default 8.</summary>
    public int R { get; init; } = 8;

    /// <summary>The change is scaled by alpha / r. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>Share of the change's rows dropped in training. Default 0.</summary>
    public double RankDropout { get; init; }

    /// <summary>Whether the rows that stay are scaled up. Default false.</summary>
    public bool RankDropoutScale { get; init; }

    /// <summary>How often a layer's change is left out in training. Default 0.</summary>
    public double ModuleDropout { get; init; }

    /// <summary>Whether the first factor may be a product too. Default false.</summary>
    public bool DecomposeBoth { get; init; }

    /// <summary>Largest size of the first factor; -1 makes both factors as equal as possible. Default -1.</summary>
    public int DecomposeFactor { get; init; } = -1;

    /// <summary>Whether it starts as a no-op; false starts everything at random. Default true.</summary>
    public bool InitWeights { get; init; } = true;

    /// <summary>Other ranks for some modules: regular expression on the end of the path, rank.</summary>
    public IReadOnlyDictionary<string, double> RankPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Other alphas for some modules: regular expression on the end of the path, alpha.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static LokrConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithModules(
            new LokrConfig
            {
                R = reader.Whole("r") ?? 8,
                Alpha = reader.Number("alpha") ?? 8,
                RankDropout = reader.Number("rank_dropout") ?? 0,
                RankDropoutScale = reader.Flag("rank_dropout_scale") ?? false,
                ModuleDropout = reader.Number("module_dropout") ?? 0,
                DecomposeBoth = reader.Flag("decompose_both") ?? false,
                DecomposeFactor = reader.Whole("decompose_factor") ?? -1,
                InitWeights = reader.Flag("init_weights") ?? true,
                RankPattern = reader.Numbers("rank_pattern"),
                AlphaPattern = reader.Numbers("alpha_pattern"),
            },
            reader);
    }

    /// <summary>Factor on the change of one module.</summary>
    public double ScalingOf(string path) => (ModuleTargets.ByPattern(AlphaPattern, path) ?? Alpha) / RankOf(path);

    /// <summary>How a layer is cut.</summary>
    public LokrCut CutOf(LinearShape layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var rank = RankOf(layer.Path);
        var (inOuter, inInner) = Factors(layer.InFeatures, DecomposeFactor);
        var (outOuter, outInner) = Factors(layer.OutFeatures, DecomposeFactor);
        var fullFirst = !(DecomposeBoth && rank < Math.Max(outOuter, inOuter) / 2.0);
        return new LokrCut(outOuter, inOuter, outInner, inInner, rank, fullFirst, rank >= Math.Max(outInner, inInner) / 2.0);
    }

    /// <inheritdoc />
    public override IReadOnlyList<(string Suffix, long[] Shape)> ShapesAt(LinearShape layer)
    {
        var cut = CutOf(layer);
        var shapes = new List<(string, long[])>();
        if (cut.FullFirst)
            shapes.Add(("lokr_w1", [cut.OutOuter, cut.InOuter]));
        else
            shapes.AddRange([("lokr_w1_a", [cut.OutOuter, cut.Rank]), ("lokr_w1_b", [cut.Rank, cut.InOuter])]);
        if (cut.FullSecond)
            shapes.Add(("lokr_w2", [cut.OutInner, cut.InInner]));
        else
            shapes.AddRange([("lokr_w2_a", [cut.OutInner, cut.Rank]), ("lokr_w2_b", [cut.Rank, cut.InInner])]);
        return shapes;
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
        if (DecomposeFactor is < 1 and not -1)
            result.Error("decompose_factor", $"must be at least 1, or -1 for factors as equal as possible, but is {DecomposeFactor}.");
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
        fields["rank_dropout_scale"] = RankDropoutScale;
        fields["module_dropout"] = ModuleDropout;
        fields["decompose_both"] = DecomposeBoth;
        fields["decompose_factor"] = DecomposeFactor;
        fields["init_weights"] = InitWeights;
        fields["rank_pattern"] = Map(RankPattern);
        fields["alpha_pattern"] = Map(AlphaPattern);
        fields["use_effective_conv2d"] = false;
    }

    /// <summary>
    /// A size as a product of two, the smaller first: by the wished factor where it divides, else the pair nearest to a square whose smaller
    /// side does not exceed it.
    /// </summary>
    internal static (int Outer, int Inner) Factors(int size, int wish)
    {
        if (wish > 0 && size % wish == 0)
            return (wish, size / wish);
        var limit = wish == -1 ? size : wish;
        var (small, large) = (1, size);
        while (small < large)
        {
            var next = small + 1;
            while (size % next != 0)
                next++;
            if (next + (size / next) > size + 1 || next > limit)
                break;
            (small, large) = (next, size / next);
        }

        return (Math.Min(small, large), Math.Max(small, large));
    }

    private int RankOf(string path) => (int)(ModuleTargets.ByPattern(RankPattern, path) ?? R);
}
