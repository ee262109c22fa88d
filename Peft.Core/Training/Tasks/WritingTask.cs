using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;

namespace Peft.Core.Training.Tasks;

/// <summary>A task whose answers are written token by token: instructions, conversations, or a classification put as an instruction.</summary>
public abstract class WritingTask : TrainingTask
{
    /// <summary>Takes what every task needs.</summary>
    protected WritingTask(TaskSetting setting)
        : base(setting)
    {
    }

    /// <inheritdoc />
    public override bool Writes => true;

    /// <inheritdoc />
    public override IReadOnlyList<IDataRecord> Read(DatasetSnapshot snapshot, string split)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (snapshot.Kind == DatasetKind.Chat && Kind == ModelTask.Seq2SeqLm)
            return [.. snapshot.Read<ChatRecord>(split).Select(chat => chat.AsInstruction())];
        if (snapshot.Kind != DatasetKind.Classification)
            return snapshot.ReadAny(split);
        var records = snapshot.Read<ClassificationRecord>(split);
        var labels = TaskLabels.Of(ModelTask.SeqCls, snapshot)!.Names;
        return [.. records.Select(record => ClassificationPrompt.Render(record, labels))];
    }

    /// <inheritdoc />
    public override bool CanStream(DatasetKind kind) => kind is DatasetKind.Instruction || (Kind == ModelTask.CausalLm && kind is DatasetKind.Chat or DatasetKind.Text);

    /// <inheritdoc />
    public override TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(setting);
        var wanted = records.Select(record => record is ChatRecord chat ? chat.AsInstruction() : (InstructionRecord)record).ToArray();
        var answers = Answer(model, records, Math.Max(1, setting.BatchSize), setting.MaxNewTokens, between);
        var predictions = Predictions.Of(wanted, answers);
        return new TaskResult(predictions, Predictions.Report(predictions, setting.Seed));
    }

    /// <summary>The answers of records, in their order.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="records">The records.</param>
    /// <param name="batchSize">Records decoded together.</param>
    /// <param name="maxNewTokens">Tokens per answer at most.</param>
    /// <param name="between">Called after every batch with the number of records done; may throw to end early.</param>
    public abstract string[] Answer(BaseModel model, IReadOnlyList<IDataRecord> records, int batchSize, int maxNewTokens, Action<int>? between = null);
}
