using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Tokenization;

namespace Peft.Core.Training.Tasks;

/// <summary>The tasks that can be trained. A new one adds a file and one line here.</summary>
public static class TrainingTasks
{
    private static readonly (ModelTask Task, DatasetKind[] Kinds, Func<TaskSetting, TrainingTask> Create)[] s_tasks =
    [
        (ModelTask.CausalLm, [DatasetKind.Instruction, DatasetKind.Classification, DatasetKind.Chat, DatasetKind.Text], setting => new InstructionFollowing(setting)),
        (ModelTask.Seq2SeqLm, [DatasetKind.Instruction, DatasetKind.Classification, DatasetKind.Chat], setting => new TextToText(setting)),
        (ModelTask.SeqCls, [DatasetKind.Classification], setting => new TextClassification(setting)),
        (ModelTask.TokenCls, [DatasetKind.Tagging], setting => new TokenTagging(setting)),
        (ModelTask.QuestionAns, [DatasetKind.QuestionAnswering], setting => new QuestionAnswering(setting)),
    ];

    /// <summary>Every task that can be trained.</summary>
    public static IReadOnlyList<ModelTask> All { get; } = [.. s_tasks.Select(t => t.Task)];

    /// <summary>The kinds of data that serve a task; none for a task that is not trained.</summary>
    public static IReadOnlyList<DatasetKind> KindsFor(ModelTask task) => s_tasks.FirstOrDefault(t => t.Task == task).Kinds ?? [];

    /// <summary>The task that a dataset and a base suggest; null when there is none.</summary>
    /// <param name="kind">Kind of data.</param>
    /// <param name="tasks">What the base can do.</param>
    public static ModelTask? Suggest(DatasetKind kind, IReadOnlyList<ModelTask> tasks) => Fitting(kind, tasks) is [var first, ..] ? first : null;

    /// <summary>Every task that a dataset can teach a base, the suggested one first.</summary>
    /// <param name="kind">Kind of data.</param>
    /// <param name="tasks">What the base can do.</param>
    public static IReadOnlyList<ModelTask> Fitting(DatasetKind kind, IReadOnlyList<ModelTask> tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);

        // A task that is about this kind alone comes before one that can put it differently.
        return [.. s_tasks.Where(t => t.Kinds.Contains(kind) && tasks.Contains(t.Task)).OrderBy(t => t.Kinds.Length).Select(t => t.Task)];
    }

    /// <summary>Makes the task for a base and a dataset.</summary>
    /// <exception cref="PeftException">A task that is not trained, or data that does not serve it.</exception>
    public static TrainingTask Create(ModelTask task, PretrainedTokenizer tokenizer, ModelConfig config, TrainingArguments arguments, DatasetSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (!KindsFor(task).Contains(snapshot.Kind) && KindsFor(task).Count > 0)
            throw new PeftException($"task_type: data of kind {snapshot.Kind.Name()} does not serve {task.Name()}, which needs {string.Join(" or ", KindsFor(task).Select(k => k.Name()))}.");
        return Create(task, new TaskSetting(tokenizer, config, arguments, TaskLabels.Of(task, snapshot)));
    }

    /// <summary>Makes the task for a base and labels that are known.</summary>
    /// <exception cref="PeftException">A task that is not trained.</exception>
    public static TrainingTask Create(ModelTask task, TaskSetting setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        var create = s_tasks.FirstOrDefault(t => t.Task == task).Create
            ?? throw new PeftException($"task_type: {task.Name()} cannot be trained; choose one of {string.Join(", ", All.Select(t => t.Name()))}.");
        return create(setting);
    }
}
