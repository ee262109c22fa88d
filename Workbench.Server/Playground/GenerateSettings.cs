using Workbench.Client.Contracts;

namespace Workbench.Server.Playground;

/// <summary>How an answer is to be written: from what a viewer sends to what the worker reads.</summary>
internal static class GenerateSettings
{
    private const int MostTokens = 4096;
    private const int MostBeams = 16;
    private const int MostTexts = 16;
    private const int LongestText = 200;

    /// <summary>Everything that cannot work, one sentence each; the limits are those of a server that others wait for too.</summary>
    public static IReadOnlyList<string> Problems(GenerateRequest request)
    {
        var problems = new List<string>();
        if (request.MaxNewTokens is < 1 or > MostTokens)
            problems.Add($"max_new_tokens must lie between 1 and {MostTokens}, but is {request.MaxNewTokens}.");
        if (request.NumBeams > MostBeams)
            problems.Add($"num_beams must be at most {MostBeams}, but is {request.NumBeams}.");
        if (TooMuch(request.StopStrings))
            problems.Add($"stop_strings must be at most {MostTexts} texts of at most {LongestText} characters.");
        if (TooMuch(request.BadWords))
            problems.Add($"bad_words must be at most {MostTexts} texts of at most {LongestText} characters.");
        problems.AddRange(Question(request, "", null).Problems().Where(problem => !problem.StartsWith("max_new_tokens", StringComparison.Ordinal)));
        return problems;
    }

    /// <summary>The question as the worker reads it.</summary>
    public static ServeQuestion Question(GenerateRequest request, string id, string? adapter) => new()
    {
        Id = id,
        Adapter = adapter,
        Instruction = request.Instruction,
        Input = request.Input,
        MaxNewTokens = request.MaxNewTokens,
        MinNewTokens = request.MinNewTokens,
        DoSample = request.DoSample,
        Temperature = request.Temperature,
        TopK = request.TopK,
        TopP = request.TopP,
        MinP = request.MinP,
        TypicalP = request.TypicalP,
        Seed = request.Seed,
        RepetitionPenalty = request.RepetitionPenalty,
        PresencePenalty = request.PresencePenalty,
        FrequencyPenalty = request.FrequencyPenalty,
        NoRepeatNgramSize = request.NoRepeatNgramSize,
        BadWords = request.BadWords,
        StopStrings = request.StopStrings,
        NumBeams = request.NumBeams,
        LengthPenalty = request.LengthPenalty,
        EarlyStopping = request.EarlyStopping,
    };

    private static bool TooMuch(IReadOnlyList<string>? texts) => texts is not null && (texts.Count > MostTexts || texts.Any(text => text?.Length > LongestText));
}
