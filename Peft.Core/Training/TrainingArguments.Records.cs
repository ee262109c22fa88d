using Peft.Core.Data;

namespace Peft.Core.Training;

/// <summary>How records become rows.</summary>
public sealed partial record TrainingArguments
{
    /// <summary>What of a record is learnt: <c>answers</c>, <c>last_answer</c> or <c>everything</c>.</summary>
    public TrainOn TrainOn { get; init; } = TrainOn.Answers;

    /// <summary>Puts several records into one row of up to <see cref="MaxLength"/> tokens; each sees itself alone.</summary>
    public bool Packing { get; init; }

    /// <summary>
    /// Reads the training file record by record while training instead of all of it before: <c>on</c>, <c>off</c>, or <c>auto</c> for files
    /// that are large.
    /// </summary>
    public string Streaming { get; init; } = "auto";
}
