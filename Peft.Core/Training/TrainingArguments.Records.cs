using Peft.Core.Data;

namespace Peft.Core.Training;

/// <summary>How records become rows.</summary>
public sealed partial record TrainingArguments
{
    /// <summary>What of a record is learnt: <c>answers</c>, <c>last_answer</c> or <c>everything</c>.</summary>
    [TrainingOption(TrainingOptionGroup.Records, "What is learnt: every answer, of a conversation the last answer only, or everything, questions as well.")]
    public TrainOn TrainOn { get; init; } = TrainOn.Answers;

    /// <summary>Puts several records into one row of up to <see cref="MaxLength"/> tokens; each sees itself alone.</summary>
    [TrainingOption(TrainingOptionGroup.Records, "Puts several short records into one row of up to max_length tokens; each sees itself alone, so what is learnt stays the same. A batch then counts rows.")]
    public bool Packing { get; init; }

    /// <summary>
    /// Reads the training file record by record while training instead of all of it before: <c>on</c>, <c>off</c>, or <c>auto</c> for files
    /// that are large.
    /// </summary>
    [TrainingOption(TrainingOptionGroup.Records, "Reads training records from disk while training, so that memory does not grow with the file; auto does so for large files.", Choices = "auto on off")]
    public string Streaming { get; init; } = "auto";
}
