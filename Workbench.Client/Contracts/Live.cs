using System.Text.Json;

namespace Workbench.Client.Contracts;

/// <summary>
/// What the server pushes to a viewer. A viewer that joined a run gets everything after the number it named, once, in order, then live batches.
/// Events travel as the JSON of the run's log (snake_case fields, <c>kind</c>), at most every 100 ms, only what is new.
/// </summary>
public interface IRunsClient
{
    /// <summary>New events of a joined run, in order of seq.</summary>
    Task RunEvents(string runId, IReadOnlyList<JsonElement> events);

    /// <summary>A run of the list changed (any run; the list page and the activity indicator live on it).</summary>
    Task RunChanged(RunSummary run);

    /// <summary>A run was deleted.</summary>
    Task RunDeleted(string runId);

    /// <summary>A download or an upload of a model moved on.</summary>
    Task ModelJobChanged(ModelJob job);

    /// <summary>A download or an upload is gone from the list.</summary>
    Task ModelJobRemoved(string jobId);

    /// <summary>Something that is made of an adapter moved on.</summary>
    Task AdapterJobChanged(AdapterJob job);

    /// <summary>It is gone from the list.</summary>
    Task AdapterJobRemoved(string jobId);
}

/// <summary>What a viewer can ask of the runs hub.</summary>
public interface IRunsHub
{
    /// <summary>Starts the stream of <see cref="IRunsClient.RunEvents"/> after the given sequence number (0 = from the beginning, long.MaxValue = only new ones).</summary>
    Task JoinRun(string runId, long afterSeq);

    Task LeaveRun(string runId);
}

/// <summary>A question to a base model, with or without an adapter of a run. Streamed by <c>PlaygroundHub.Generate</c>.</summary>
public sealed record GenerateRequest
{
    public required string ModelId { get; init; }

    /// <summary>Null = the base model alone.</summary>
    public string? RunId { get; init; }

    /// <summary>An adapter that no run made; counts before <see cref="RunId"/>.</summary>
    public string? AdapterId { get; init; }

    public required string Instruction { get; init; }
    public required string Input { get; init; }

    // How the answer is written, with the names and meanings of Hugging Face's generation config.
    public int MaxNewTokens { get; init; } = 128;
    public int MinNewTokens { get; init; }
    public bool DoSample { get; init; }
    public double Temperature { get; init; } = 0.7;
    public int TopK { get; init; } = 50;
    public double TopP { get; init; } = 0.9;
    public double MinP { get; init; }
    public double TypicalP { get; init; } = 1;
    public int Seed { get; init; } = 42;
    public double RepetitionPenalty { get; init; } = 1;
    public double PresencePenalty { get; init; }
    public double FrequencyPenalty { get; init; }
    public int NoRepeatNgramSize { get; init; }
    public IReadOnlyList<string> BadWords { get; init; } = [];

    /// <summary>Texts that end the answer; they are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>More than one searches with beams; the answer then comes in one piece, at the end.</summary>
    public int NumBeams { get; init; } = 1;
    public double LengthPenalty { get; init; } = 1;

    /// <summary><c>false</c>, <c>true</c> or <c>never</c>.</summary>
    public string EarlyStopping { get; init; } = "false";
}

/// <summary>A piece of a streamed answer; the last one is Done and carries the triples that could be read.</summary>
public sealed record GenerateChunk(string Text, bool Done, int Tokens, double Seconds, IReadOnlyList<TripleDto>? Triples, string? Error);

/// <summary>
/// Columns of one metric for a chart: GET /api/runs/{id}/series?metric=loss&amp;x=step&amp;from=&amp;to=&amp;points= answers
/// application/octet-stream: int32 count, int32 flags (1 = min/max envelope), then count × float64 x, count × float32 y (first of bucket → mean),
/// count × float32 min, count × float32 max, then int64 lastSeq. Little-endian.
/// </summary>
public static class SeriesFormat
{
    public const string MediaType = "application/octet-stream";
}
