using System.Text.Json.Serialization;

namespace Peft.Core.Runs;

/// <summary>
/// One line of <c>events.jsonl</c>. The trainer alone appends; <see cref="Seq"/> grows by one from 1 over all attempts, so a reader that knows
/// the last number it has can ask for the rest. After a resume, <see cref="RunResumed"/> supersedes later points of older attempts.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RunStateChanged), "state")]
[JsonDerivedType(typeof(RunModelReady), "model")]
[JsonDerivedType(typeof(RunStep), "step")]
[JsonDerivedType(typeof(RunEvalLoss), "eval")]
[JsonDerivedType(typeof(RunSample), "sample")]
[JsonDerivedType(typeof(RunCheckpoint), "checkpoint")]
[JsonDerivedType(typeof(RunAlert), "alert")]
[JsonDerivedType(typeof(RunResumed), "resumed")]
[JsonDerivedType(typeof(RunProgress), "progress")]
[JsonDerivedType(typeof(RunMetrics), "metrics")]
[JsonDerivedType(typeof(RunRanks), "ranks")]
[JsonDerivedType(typeof(RunControlAcknowledged), "control")]
public abstract record RunEvent
{
    /// <summary>Position in the log, from 1, without gaps.</summary>
    public long Seq { get; init; }

    /// <summary>Which start of the trainer wrote it, from 1.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>UTC time in Unix milliseconds.</summary>
    public long Time { get; init; }

    /// <summary>Optimizer step it belongs to (0 before the first).</summary>
    public int Step { get; init; }
}

/// <summary>The states that a trainer reports about itself.</summary>
public enum TrainerState
{
    /// <summary>Process is up, loading model and data.</summary>
    Starting,

    /// <summary>Optimizer steps are being made.</summary>
    Training,

    /// <summary>Training is over; the test split is decoded and scored.</summary>
    Evaluating,

    /// <summary>Checkpoint written, process ends on request of a pause; can be resumed.</summary>
    Paused,

    /// <summary>All done, adapter saved.</summary>
    Completed,

    /// <summary>A person ended it early; checkpoint and adapter so far are saved. It is not "completed".</summary>
    Stopped,

    /// <summary>It ended with an error; the message says which.</summary>
    Failed,
}

/// <summary>The trainer entered a state.</summary>
public sealed record RunStateChanged : RunEvent
{
    /// <summary>The new state.</summary>
    public required TrainerState State { get; init; }

    /// <summary>For failures: what happened, where, what to do. For a stop: why.</summary>
    public string? Message { get; init; }
}

/// <summary>Model and adapter are in memory: the lecture's line, and what it runs on.</summary>
public sealed record RunModelReady : RunEvent
{
    /// <summary>Trainable parameters.</summary>
    public required long TrainableParams { get; init; }

    /// <summary>All parameters, adapter included.</summary>
    public required long AllParams { get; init; }

    /// <summary><c>trainable params: … || all params: … || trainable%: …</c> exactly as PEFT prints it.</summary>
    public required string Line { get; init; }

    /// <summary>Dtype of the frozen weights in memory.</summary>
    public string Dtype { get; init; } = "";

    /// <summary>Device that computes.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads that compute.</summary>
    public int Threads { get; init; }

    /// <summary>Optimizer steps the run will make.</summary>
    public int TotalSteps { get; init; }

    /// <summary>Records in the training split.</summary>
    public int TrainRecords { get; init; }

    /// <summary>Records that the length limit cut or dropped.</summary>
    public int CutRecords { get; init; }

    /// <summary>Versions of engine and tensor library, CPU features.</summary>
    public Dictionary<string, string> Environment { get; init; } = [];
}

/// <summary>One optimizer step.</summary>
public sealed record RunStep : RunEvent
{
    /// <summary>Training loss of this step (mean over its label tokens, nats).</summary>
    public required double Loss { get; init; }

    /// <summary>Learning rate used in this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Gradient L2 norm before clipping; null where it is not computed.</summary>
    public double? GradNorm { get; init; }

    /// <summary>Epochs done, fractional.</summary>
    public double Epoch { get; init; }

    /// <summary>Tokens (without padding) processed since the run began, over all attempts that count.</summary>
    public long Tokens { get; init; }

    /// <summary>Tokens per second of this step.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Training seconds since the run began, pauses left out.</summary>
    public double Seconds { get; init; }

    /// <summary>Resident memory of the trainer in bytes.</summary>
    public long Rss { get; init; }
}

/// <summary>Loss on held-out records.</summary>
public sealed record RunEvalLoss : RunEvent
{
    /// <summary>Mean over answer tokens, nats.</summary>
    public required double Loss { get; init; }

    /// <summary>Split that was read.</summary>
    public string Split { get; init; } = "dev";

    /// <summary>Records that were read.</summary>
    public int Records { get; init; }

    /// <summary>Seconds it took.</summary>
    public double Seconds { get; init; }

    /// <summary>Training seconds so far, for charts over time.</summary>
    public double TrainSeconds { get; init; }

    /// <summary>Tokens so far, for charts over tokens.</summary>
    public long Tokens { get; init; }

    /// <summary>Is it the lowest so far?</summary>
    public bool Best { get; init; }

    /// <summary>Scores of the task on the same records by name, each 0–1 unless it is an error (<c>mse</c>); null where it is undefined. Empty where only the loss was measured.</summary>
    public Dictionary<string, double?> Metrics { get; init; } = [];
}

/// <summary>A generated answer beside its reference.</summary>
public sealed record RunSample : RunEvent
{
    /// <summary>Index of the record in its split.</summary>
    public required int Index { get; init; }

    /// <summary>Split of the record.</summary>
    public string Split { get; init; } = "dev";

    /// <summary>The record's instruction.</summary>
    public required string Instruction { get; init; }

    /// <summary>The record's input.</summary>
    public required string Input { get; init; }

    /// <summary>The answer that was wanted.</summary>
    public required string Reference { get; init; }

    /// <summary>The answer that was generated.</summary>
    public required string Output { get; init; }
}

/// <summary>A complete checkpoint lies in <see cref="Path"/>.</summary>
public sealed record RunCheckpoint : RunEvent
{
    /// <summary>Folder relative to the run directory.</summary>
    public required string Path { get; init; }

    /// <summary>Size on disk in bytes.</summary>
    public long Bytes { get; init; }
}

/// <summary>Something a person should know: divergence, records cut, a setting that makes no sense.</summary>
public sealed record RunAlert : RunEvent
{
    /// <summary><c>info</c>, <c>warning</c> or <c>error</c>.</summary>
    public required string Severity { get; init; }

    /// <summary>Stable code for localisation, e.g. <c>loss_not_finite</c>.</summary>
    public required string Code { get; init; }

    /// <summary>The message in English.</summary>
    public required string Message { get; init; }
}

/// <summary>A new attempt goes on from a checkpoint; points after <see cref="FromStep"/> of older attempts no longer count.</summary>
public sealed record RunResumed : RunEvent
{
    /// <summary>Last step that counts of the attempts before.</summary>
    public required int FromStep { get; init; }
}

/// <summary>A method has moved ranks between modules (AdaLoRA).</summary>
public sealed record RunRanks : RunEvent
{
    /// <summary>The rank of every adapted module, by its path.</summary>
    public required IReadOnlyDictionary<string, int> Ranks { get; init; }
}

/// <summary>How far a phase without optimizer steps has come.</summary>
public sealed record RunProgress : RunEvent
{
    /// <summary><c>load</c>, <c>tokenize</c>, <c>eval</c>, <c>test</c>.</summary>
    public required string Phase { get; init; }

    /// <summary>Units done.</summary>
    public required int Done { get; init; }

    /// <summary>Units in all.</summary>
    public required int Total { get; init; }
}

/// <summary>Scores of the task at the end.</summary>
public sealed record RunMetrics : RunEvent
{
    /// <summary>What the model does, e.g. <c>SEQ_CLS</c>.</summary>
    public string TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>Every score by name (<c>f1</c>, <c>accuracy</c>, <c>exact_match</c>, …), null where it is undefined.</summary>
    public Dictionary<string, double?> Metrics { get; init; } = [];

    /// <summary>The name in <see cref="Metrics"/> that runs of this task are compared by.</summary>
    public string PrimaryMetric { get; init; } = "f1";

    /// <summary>Split that was scored.</summary>
    public required string Split { get; init; }

    /// <summary>Records scored.</summary>
    public required int Records { get; init; }

    /// <summary>Micro precision of exact triples; null when nothing was predicted.</summary>
    public double? Precision { get; init; }

    /// <summary>Micro recall of exact triples; null when there is no reference triple.</summary>
    public double? Recall { get; init; }

    /// <summary>Micro F1 of exact triples.</summary>
    public double? F1 { get; init; }

    /// <summary>Lower end of the 95 % bootstrap interval of F1.</summary>
    public double? F1Low { get; init; }

    /// <summary>Upper end of the 95 % bootstrap interval of F1.</summary>
    public double? F1High { get; init; }

    /// <summary>Share of answers (0–1) that could not be read as triples.</summary>
    public double ParseFailureRate { get; init; }

    /// <summary>Scores per relation.</summary>
    public List<RelationScore> Relations { get; init; } = [];

    /// <summary>Mean loss over answer tokens of the dev split at the end.</summary>
    public double? DevLoss { get; init; }

    /// <summary>Seconds of training (without evaluation).</summary>
    public double TrainSeconds { get; init; }

    /// <summary>Seconds of decoding and scoring.</summary>
    public double EvalSeconds { get; init; }

    /// <summary>Peak resident memory (VmHWM) in bytes.</summary>
    public long PeakRss { get; init; }

    /// <summary>Size of the saved adapter in bytes.</summary>
    public long AdapterBytes { get; init; }
}

/// <summary>Counts and scores of one relation type.</summary>
/// <param name="Relation">The relation's name.</param>
/// <param name="TruePositives">Triples predicted and wanted.</param>
/// <param name="Predicted">Triples predicted.</param>
/// <param name="Gold">Triples wanted.</param>
/// <param name="Precision">Precision; null when nothing was predicted.</param>
/// <param name="Recall">Recall; null when nothing was wanted.</param>
/// <param name="F1">F1; null when it is undefined.</param>
public sealed record RelationScore(string Relation, int TruePositives, int Predicted, int Gold, double? Precision, double? Recall, double? F1);

/// <summary>A command file was read and carried out.</summary>
public sealed record RunControlAcknowledged : RunEvent
{
    /// <summary>The command.</summary>
    public required RunCommand Command { get; init; }

    /// <summary>Id of the command file.</summary>
    public required string CommandId { get; init; }
}

/// <summary>What a running trainer can be told.</summary>
public enum RunCommand
{
    /// <summary>Write a checkpoint and end the process; the run can be resumed.</summary>
    Pause,

    /// <summary>Write checkpoint and adapter and end as stopped.</summary>
    Stop,

    /// <summary>Write a checkpoint and go on.</summary>
    Checkpoint,
}
