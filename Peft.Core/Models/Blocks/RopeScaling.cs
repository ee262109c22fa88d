namespace Peft.Core.Models.Blocks;

/// <summary>How rotary frequencies are stretched for long contexts: <c>rope_scaling</c>, or <c>rope_parameters</c> of newer configs.</summary>
public sealed record RopeScaling
{
    private static readonly string[] s_known = ["default", "linear", "dynamic", "llama3", "yarn", "longrope"];

    /// <summary>No stretching.</summary>
    public static RopeScaling None { get; } = new();

    /// <summary><c>default</c>, <c>linear</c>, <c>dynamic</c>, <c>llama3</c>, <c>yarn</c> or <c>longrope</c>.</summary>
    public string Type { get; init; } = "default";

    /// <summary>Stretch factor.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>llama3: wavelengths above original / this are stretched in full.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>llama3: wavelengths below original / this are left alone.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Context length before stretching.</summary>
    public int OriginalMaxPositions { get; init; }

    /// <summary>Cosines and sines are multiplied by this.</summary>
    public double AttentionFactor { get; init; } = 1;

    /// <summary>yarn: turns over the original context above which a dimension is left alone.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>yarn: turns over the original context below which a dimension is stretched in full.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>yarn: whether the borders between the two are whole dimensions.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>longrope: factors per frequency within the original context.</summary>
    public IReadOnlyList<double> ShortFactor { get; init; } = [];

    /// <summary>longrope: factors per frequency beyond it.</summary>
    public IReadOnlyList<double> LongFactor { get; init; } = [];

    /// <summary>Whether frequencies depend on how long the text is.</summary>
    public bool DependsOnLength => Type is "dynamic" or "longrope";

    /// <summary>The base θ that stands in the config.</summary>
    public static double Theta(ConfigReader reader, double absent)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return reader.Object("rope_parameters")?.NumberOrNull("rope_theta") ?? reader.Number("rope_theta", absent);
    }

    /// <summary>Reads the stretching; absent means none.</summary>
    /// <param name="reader">The config.</param>
    /// <param name="maxPositions">Its <c>max_position_embeddings</c>.</param>
    /// <exception cref="PeftException">A type that is not known, or one that lacks a field.</exception>
    public static RopeScaling Read(ConfigReader reader, int maxPositions)
    {
        ArgumentNullException.ThrowIfNull(reader);
        if ((reader.Object("rope_parameters") ?? reader.Object("rope_scaling")) is not { } scaling)
            return None;
        var type = scaling.String("rope_type") ?? scaling.String("type") ?? "default";
        type = type is "su" ? "longrope" : type is "mrope" ? "default" : type;
        var original = scaling.Int("original_max_position_embeddings", reader.Int("original_max_position_embeddings", 0));
        return type switch
        {
            "default" => None,
            "linear" => new RopeScaling { Type = type, Factor = scaling.Number("factor", 1) },
            "dynamic" => new RopeScaling { Type = type, Factor = scaling.Number("factor", 1), OriginalMaxPositions = maxPositions },
            "llama3" => new RopeScaling
            {
                Type = type,
                Factor = scaling.Number("factor", 8),
                LowFrequencyFactor = scaling.Number("low_freq_factor", 1),
                HighFrequencyFactor = scaling.Number("high_freq_factor", 4),
                OriginalMaxPositions = original > 0 ? original : 8192,
            },
            "yarn" => Yarn(scaling, maxPositions, scaling.Int("original_max_position_embeddings", 0)),
            "longrope" => Long(reader, scaling, maxPositions, original),
            _ => throw new PeftException($"{reader.Path}: rope_scaling of type '{type}' is not supported; supported are {string.Join(", ", s_known)}."),
        };
    }

    private static RopeScaling Yarn(ConfigReader scaling, int maxPositions, int original)
    {
        // A named original length decides the factor that scales attention, whatever the stretch factor says.
        var factor = scaling.Number("factor", 1);
        var ratio = original > 0 ? (double)maxPositions / original : factor;
        static double Magnitude(double scale, double weight) => scale <= 1 ? 1 : (0.1 * weight * Math.Log(scale)) + 1;
        var (part, all) = (scaling.NumberOrNull("mscale"), scaling.NumberOrNull("mscale_all_dim"));
        var attention = scaling.NumberOrNull("attention_factor")
            ?? (part is > 0 and var p && all is > 0 and var a ? Magnitude(ratio, p) / Magnitude(ratio, a) : Magnitude(ratio, 1));
        return new RopeScaling
        {
            Type = "yarn",
            Factor = ratio,
            OriginalMaxPositions = original > 0 ? original : maxPositions,
            AttentionFactor = attention,
            BetaFast = scaling.NumberOrNull("beta_fast") ?? 32,
            BetaSlow = scaling.NumberOrNull("beta_slow") ?? 1,
            Truncate = scaling.Flag("truncate", true),
        };
    }

    private static RopeScaling Long(ConfigReader reader, ConfigReader scaling, int maxPositions, int original)
    {
        var (shorter, longer) = (scaling.Numbers("short_factor"), scaling.Numbers("long_factor"));
        if (shorter is null || longer is null)
            throw new PeftException($"{reader.Path}: rope_scaling of type 'longrope' needs the lists short_factor and long_factor.");
        var first = original > 0 ? original : maxPositions;
        var factor = original > 0 ? (double)maxPositions / original : scaling.Number("factor", 1);
        return new RopeScaling
        {
            Type = "longrope",
            Factor = factor,
            OriginalMaxPositions = first,
            AttentionFactor = scaling.NumberOrNull("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(first)))),
            ShortFactor = shorter,
            LongFactor = longer,
        };
    }
}
