namespace Peft.Core.Generation;

/// <summary>
/// How one answer is written, as people set it: on the command line, in the protocol of <c>peft serve</c> and in the playground. Words stand
/// here as text, where <see cref="GenerationOptions"/> has ids. Written as JSON in snake_case the names are those of Hugging Face.
/// </summary>
public record AnswerSettings
{
    /// <summary>Tokens to write at most.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>No ending before so many tokens.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Draw tokens instead of taking the likeliest.</summary>
    public bool DoSample { get; init; }

    /// <summary>With sampling: below 1 sharpens, above 1 flattens.</summary>
    public double Temperature { get; init; } = 0.7;

    /// <summary>With sampling: among the k likeliest; 0 means all.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>With sampling: among the likeliest that together reach this probability.</summary>
    public double TopP { get; init; } = 0.9;

    /// <summary>With sampling: at least this share as likely as the likeliest.</summary>
    public double MinP { get; init; }

    /// <summary>With sampling: among the least surprising that together reach this probability.</summary>
    public double TypicalP { get; init; } = 1;

    /// <summary>Above 1 makes what occurred in prompt or answer less likely.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken once from what the answer contains.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Taken from what the answer contains, as often as it does.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>No run of so many tokens twice; 0 allows all.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Words that are not written.</summary>
    public IReadOnlyList<string> BadWords { get; init; } = [];

    /// <summary>Texts that end the answer; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Beams of a beam search; 1 follows one path.</summary>
    public int NumBeams { get; init; } = 1;

    /// <summary>With beams: above 0 favours long answers, below 0 short ones.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>With beams: <c>false</c>, <c>true</c> or <c>never</c>.</summary>
    public string EarlyStopping { get; init; } = "false";

    /// <summary>Seed of the draws.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>Everything that cannot work, one sentence each; empty when all is well.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = Bare([]).Problems().ToList();
        if (Stopping(EarlyStopping) is null)
            problems.Add($"early_stopping must be false, true or never, but is '{EarlyStopping}'.");
        if (BadWords is null || BadWords.Any(string.IsNullOrEmpty))
            problems.Add("bad_words must not contain an empty text.");
        if (StopStrings is null || StopStrings.Any(string.IsNullOrEmpty))
            problems.Add("stop_strings must not contain an empty text.");
        return problems;
    }

    /// <summary>The options for the engine.</summary>
    /// <param name="endings">Ids that end an answer.</param>
    /// <param name="encode">Makes ids of a text.</param>
    /// <exception cref="PeftException">Settings that cannot work; all of them are named.</exception>
    public GenerationOptions Options(IReadOnlyList<int> endings, Func<string, IReadOnlyList<int>> encode)
    {
        ArgumentNullException.ThrowIfNull(endings);
        ArgumentNullException.ThrowIfNull(encode);
        var problems = Problems();
        if (problems.Count > 0)
            throw new PeftException(string.Join(" ", problems));

        // A word has other ids behind a space than at the start of a line.
        var words = BadWords.SelectMany(word => new[] { encode(word), encode(" " + word) }).Where(ids => ids.Count > 0);
        return Bare(endings) with { BadWordsIds = [.. words] };
    }

    private GenerationOptions Bare(IReadOnlyList<int> endings) => new()
    {
        MaxNewTokens = MaxNewTokens,
        MinNewTokens = MinNewTokens,
        DoSample = DoSample,
        Temperature = Temperature,
        TopK = TopK,
        TopP = TopP,
        MinP = MinP,
        TypicalP = TypicalP,
        RepetitionPenalty = RepetitionPenalty,
        PresencePenalty = PresencePenalty,
        FrequencyPenalty = FrequencyPenalty,
        NoRepeatNGramSize = NoRepeatNgramSize,
        NumBeams = NumBeams,
        LengthPenalty = LengthPenalty,
        EarlyStopping = Stopping(EarlyStopping) ?? Generation.EarlyStopping.Heuristic,
        Seed = Seed,
        EosTokenIds = endings,
    };

    private static EarlyStopping? Stopping(string name) => name switch
    {
        "false" => Generation.EarlyStopping.Heuristic,
        "true" => Generation.EarlyStopping.WhenFull,
        "never" => Generation.EarlyStopping.Never,
        _ => null,
    };
}
