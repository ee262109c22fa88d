using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Playground;

/// <summary>How tokens are chosen.</summary>
public enum AnswerMode
{
    Greedy,
    Sampling,
    Beams,
}

/// <summary>The options panel's state. Only what the chosen mode uses is sent.</summary>
public sealed class AnswerOptions
{
    private static readonly GenerateRequest s_defaults = new() { ModelId = "", Instruction = "", Input = "" };

    public AnswerMode Mode { get; set; }

    public int MaxNewTokens { get; set; } = s_defaults.MaxNewTokens;

    public int MinNewTokens { get; set; }

    public double Temperature { get; set; } = s_defaults.Temperature;

    public int TopK { get; set; } = s_defaults.TopK;

    public double TopP { get; set; } = s_defaults.TopP;

    public double MinP { get; set; }

    public double TypicalP { get; set; } = 1;

    public int Seed { get; set; } = s_defaults.Seed;

    public int NumBeams { get; set; } = 4;

    public double LengthPenalty { get; set; } = 1;

    public string EarlyStopping { get; set; } = s_defaults.EarlyStopping;

    public double RepetitionPenalty { get; set; } = 1;

    public double PresencePenalty { get; set; }

    public double FrequencyPenalty { get; set; }

    public int NoRepeatNgramSize { get; set; }

    /// <summary>One text per line.</summary>
    public string BadWords { get; set; } = "";

    /// <summary>One text per line.</summary>
    public string StopStrings { get; set; } = "";

    /// <summary>The request with these options.</summary>
    public GenerateRequest Apply(GenerateRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var common = request with
        {
            MaxNewTokens = MaxNewTokens,
            MinNewTokens = MinNewTokens,
            RepetitionPenalty = RepetitionPenalty,
            PresencePenalty = PresencePenalty,
            FrequencyPenalty = FrequencyPenalty,
            NoRepeatNgramSize = NoRepeatNgramSize,
            BadWords = Lines(BadWords),
            StopStrings = Lines(StopStrings),
        };
        return Mode switch
        {
            AnswerMode.Sampling => common with { DoSample = true, Temperature = Temperature, TopK = TopK, TopP = TopP, MinP = MinP, TypicalP = TypicalP, Seed = Seed },
            AnswerMode.Beams => common with { NumBeams = NumBeams, LengthPenalty = LengthPenalty, EarlyStopping = EarlyStopping },
            _ => common,
        };
    }

    private static string[] Lines(string? text) => (text ?? "").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
