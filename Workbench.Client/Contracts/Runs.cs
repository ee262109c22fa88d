using System.Text.Json;

namespace Workbench.Client.Contracts;

public enum RunState
{
    Queued,
    Starting,
    Training,
    Evaluating,
    Pausing,
    Paused,
    Stopping,
    Stopped,
    Completed,
    Failed,

    /// <summary>The trainer died without a word; the run can be resumed from its last checkpoint.</summary>
    Interrupted,
}

/// <summary>What a person fills in to start a run; also what "duplicate" returns.</summary>
public sealed record RunDraft
{
    public string Name { get; init; } = "";
    public required string DatasetId { get; init; }
    public required string ModelId { get; init; }

    /// <summary><c>LORA</c>, <c>PREFIX_TUNING</c>, <c>BITFIT</c>, <c>FULL</c>, or <c>NONE</c> for the zero-shot baseline.</summary>
    public required string PeftType { get; init; }

    /// <summary>Other datasets whose training records are mixed in.</summary>
    public IReadOnlyList<MixedDataset> Mix { get; init; } = [];

    /// <summary>Weight of the dataset beside those that are mixed in.</summary>
    public double DatasetWeight { get; init; } = 1;

    /// <summary>What the model is to learn, by PEFT's name (<c>SEQ_CLS</c>); null takes what dataset and base suggest.</summary>
    public string? TaskType { get; init; }

    /// <summary>Options with Hugging Face field names; those left out take the method's defaults.</summary>
    public Dictionary<string, JsonElement> Peft { get; init; } = [];

    /// <summary>Training arguments with Hugging Face field names; those left out take the defaults of the method's preset.</summary>
    public Dictionary<string, JsonElement> Training { get; init; } = [];

    public string Dtype { get; init; } = "auto";
    public string Device { get; init; } = "cpu";
    public int Threads { get; init; }

    /// <summary>Records of the test split to score by generation; null = all, 0 = none.</summary>
    public int? TestRecords { get; init; }

    public int MaxNewTokens { get; init; } = 100;
}

/// <summary>A dataset that is mixed in.</summary>
/// <param name="DatasetId">The dataset.</param>
/// <param name="Weight">How often its records come up, beside those of the others.</param>
public sealed record MixedDataset(string DatasetId, double Weight = 1);

/// <summary>What a draft amounts to, computed without tensors.</summary>
public sealed record RunPreview(
    string TrainableLine, long TrainableParams, long AllParams, long AdapterBytes, MemoryEstimate Memory, double? EstimatedSeconds, string Command,
    IReadOnlyList<DraftProblem> Problems, IReadOnlyDictionary<string, JsonElement> EffectivePeft, IReadOnlyDictionary<string, JsonElement> EffectiveTraining,
    string TaskType = "CAUSAL_LM")
{
    /// <summary>What this dataset can teach this base, the usual task first.</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <summary>What each training argument is: its kind, its choices, what it does.</summary>
    public IReadOnlyList<MethodOptionDto> TrainingOptions { get; init; } = [];
}

/// <summary>Bytes, estimated.</summary>
public sealed record MemoryEstimate(long Weights, long Adapter, long Optimizer, long Activations, long Total, long Machine);

/// <summary>Field is the Hugging Face name; severity is <c>error</c> (cannot start) or <c>warning</c>.</summary>
public sealed record DraftProblem(string Field, string Severity, string Code, string Message)
{
    /// <summary>What would cure it, one click away.</summary>
    public IReadOnlyList<DraftFix> Fixes { get; init; } = [];

    /// <summary>Methods that come nearest and work here, for a method that makes no sense on the base.</summary>
    public IReadOnlyList<string> Instead { get; init; } = [];
}

/// <summary>A value that cures a problem of a draft.</summary>
/// <param name="Field">Hugging Face name of the field.</param>
/// <param name="Value">The value, as it would be typed.</param>
/// <param name="Code">What it does, for the button.</param>
public sealed record DraftFix(string Field, string Value, string Code);

public sealed record RunSummary(
    string Id, string Name, string PeftType, MethodFamily Family, string DatasetId, string DatasetName, string ModelId, string ModelName, RunState State,
    int Step, int TotalSteps, double? EtaSeconds, double? Loss, double? EvalLoss, double? TokensPerSecond, DateTimeOffset CreatedAt, DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt, string? ComparisonId, string? Message, RunResult? Result, int Color, int? QueuePosition)
{
    /// <summary>Whether it makes a base, and no adapter.</summary>
    public bool IsPretraining => PeftType == PretrainDraft.PeftType;
}

/// <summary>What a finished run reached and what it cost.</summary>
public sealed record RunResult(
    long? TrainableParams, long? AllParams, double? DevLoss, double? Precision, double? Recall, double? F1, double? F1Low, double? F1High,
    double? ParseFailureRate, int? TestRecords, long? AdapterBytes, long? PeakMemory, double? TrainSeconds, double? EvalSeconds,
    IReadOnlyList<RelationScoreDto> Relations)
{
    public string TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>Every score by name, e.g. <c>accuracy</c>; null where it is undefined.</summary>
    public IReadOnlyDictionary<string, double?> Metrics { get; init; } = new Dictionary<string, double?>();

    /// <summary>The name that runs of this task are compared by.</summary>
    public string PrimaryMetric { get; init; } = "f1";

    /// <summary>The value under that name.</summary>
    public double? Score => F1 is not null && PrimaryMetric == "f1" ? F1 : Metrics.GetValueOrDefault(PrimaryMetric);
}

public sealed record RelationScoreDto(string Relation, int TruePositives, int Predicted, int Gold, double? Precision, double? Recall, double? F1);

public sealed record RunDetail(
    RunSummary Summary, RunDraft Draft, string TrainableLine, string Command, string Notes, IReadOnlyDictionary<string, string> Environment,
    IReadOnlyList<RunFile> Files, long LastSeq)
{
    /// <summary>The base model that a pretraining has made; null while there is none.</summary>
    public string? MadeModelId { get; init; }
}

public sealed record RunFile(string Path, long Bytes);

public sealed record UpdateRun(string? Name, string? Notes);

public sealed record LogTail(long Length, string Text);

public sealed record PredictionRow(
    int Index, string Instruction, string Input, string Reference, string Output, bool Parsed, bool Exact, IReadOnlyList<TripleMark> Triples,
    bool IsTriples = true);

/// <summary>Ranks of modules over the steps: <c>Ranks[i][j]</c> is the rank of module j from step <c>Steps[i]</c> on. Long histories come thinned out.</summary>
public sealed record RankHistory(IReadOnlyList<string> Modules, IReadOnlyList<int> Steps, IReadOnlyList<IReadOnlyList<int>> Ranks);

public enum TripleVerdict
{
    Correct,
    Wrong,
    Missing,
}

public sealed record TripleMark(TripleDto Triple, TripleVerdict Verdict);

public sealed record PredictionPage(int Total, int Offset, IReadOnlyList<PredictionRow> Rows);

/// <summary>Methods trained one after another under one name, e.g. LORA, PREFIX_TUNING, BITFIT, NONE (zero-shot), optionally FULL.</summary>
public sealed record StartComparison(string Name, string DatasetId, string ModelId, IReadOnlyList<string> PeftTypes, IReadOnlyList<int> Seeds, bool Quick);

public sealed record ComparisonDto(string Id, string Name, DateTimeOffset CreatedAt, IReadOnlyList<string> RunIds, double? EstimatedSeconds);

public sealed record SystemInfo(
    string Version, string Cpu, int Cores, long MemoryBytes, long FreeDiskBytes, bool BFloat16IsFast, IReadOnlyList<string> Devices, string DataDirectory);

public sealed record ProjectDto(string Id, string Name, string DatasetId, string ModelId);
