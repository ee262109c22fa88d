using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;

namespace Peft.Core.Training.Tasks;

/// <summary>Finds out which task folders are for.</summary>
/// <param name="Task">The task.</param>
/// <param name="Labels">What the head's outputs mean, as far as it is written down.</param>
public sealed record TaskChoice(ModelTask Task, TaskLabels? Labels)
{
    /// <summary>What an adapter was trained for.</summary>
    /// <exception cref="PeftException">Missing or damaged files, or an unknown task.</exception>
    public static TaskChoice OfAdapter(string folder) =>
        new(ModelTasks.Parse(PeftConfig.Load(folder).TaskType ?? ModelTask.CausalLm.Name()), TaskLabels.Load(folder));

    /// <summary>What a base can do by itself: what it was trained for in full, else writing.</summary>
    /// <exception cref="PeftException">Missing or damaged files, or a base that does nothing without a trained head.</exception>
    public static TaskChoice OfBase(string folder)
    {
        if (TaskLabels.Load(folder) is { } labels)
            return new TaskChoice(ModelTasks.Parse(labels.TaskType), labels);
        var descriptor = ModelRegistry.Find(ConfigReader.Open(folder));
        return descriptor.Tasks.Where(task => task is ModelTask.CausalLm or ModelTask.Seq2SeqLm).Select(task => new TaskChoice(task, null)).FirstOrDefault()
            ?? throw new PeftException($"{folder}: architecture '{descriptor.ModelType}' writes nothing by itself. Name an adapter that was trained for a task.");
    }

    /// <summary>What data and base suggest.</summary>
    /// <exception cref="PeftException">The base can do nothing with data of this kind.</exception>
    public static ModelTask Suggest(string folder, DatasetKind kind)
    {
        var descriptor = ModelRegistry.Find(ConfigReader.Open(folder));
        return TrainingTasks.Suggest(kind, descriptor.Tasks)
            ?? throw new PeftException($"{folder}: architecture '{descriptor.ModelType}' can learn nothing from data of kind {kind.Name()}.");
    }
}
