using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Models;
using Peft.Core.Runs;

namespace Peft.Core.Training.Tasks;

/// <summary>
/// What the outputs of a head mean. An adapter in PEFT's format does not say it, so it lies beside the adapter as <c>labels.json</c>.
/// </summary>
public sealed record TaskLabels
{
    /// <summary>Name of the file in an adapter folder.</summary>
    public const string FileName = "labels.json";

    /// <summary>The task, e.g. <c>SEQ_CLS</c>.</summary>
    public required string TaskType { get; init; }

    /// <summary>Names of the head's outputs in order; tagging: O, then B- and I- of each type. Empty for answers.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Classification: what labels are, as Hugging Face's configs say it.</summary>
    public string? ProblemType { get; init; }

    /// <summary>Questions: whether some have no answer in the text.</summary>
    public bool MayLackAnswer { get; init; }

    /// <summary>The labels of a dataset for a task; null for tasks without.</summary>
    /// <exception cref="PeftException">The data does not serve the task, or its labels are mixed.</exception>
    public static TaskLabels? Of(ModelTask task, DatasetSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return task switch
        {
            ModelTask.SeqCls => OfTexts(snapshot),
            ModelTask.TokenCls => OfTokens(snapshot),
            ModelTask.QuestionAns => new TaskLabels
            {
                TaskType = task.Name(),
                MayLackAnswer = snapshot.Read<QuestionRecord>("train").Any(record => record.Answers.Count == 0),
            },
            _ => null,
        };
    }

    /// <summary>Reads the labels of an adapter folder; null when there are none.</summary>
    /// <exception cref="PeftException">A damaged file.</exception>
    public static TaskLabels? Load(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file))
            return null;
        try
        {
            return JsonSerializer.Deserialize<TaskLabels>(File.ReadAllBytes(file), RunRequest.Json) ?? throw new PeftException($"{file}: the file says null.");
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new PeftException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>Writes the labels into an adapter folder.</summary>
    public void Save(string folder) => File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, RunRequest.Json));

    private static TaskLabels OfTexts(DatasetSnapshot snapshot)
    {
        var labels = snapshot.Read<ClassificationRecord>("train").Concat(snapshot.Manifest?.Labels is null ? snapshot.Read<ClassificationRecord>("test") : []).Select(r => r.Label).ToList();
        var kinds = labels.Select(label => label.ProblemType).Distinct().ToList();
        if (kinds.Count > 1)
            throw new PeftException("The labels of the dataset are of different kinds (text, list, number). Give every record the same kind.");
        var kind = snapshot.Manifest?.ProblemType ?? kinds.FirstOrDefault() ?? "single_label_classification";
        return new TaskLabels
        {
            TaskType = ModelTask.SeqCls.Name(),
            ProblemType = kind,
            Names = kind == "regression" ? ["value"] : snapshot.Manifest?.Labels is { Count: > 0 } given ? given : Sorted(labels.SelectMany(label => label.Names)),
        };
    }

    private static TaskLabels OfTokens(DatasetSnapshot snapshot)
    {
        var types = snapshot.Manifest?.Labels is { Count: > 0 } given
            ? given
            : Sorted(snapshot.Read<TaggingRecord>("train").SelectMany(record => record.Entities).Select(entity => entity.Type));
        return new TaskLabels { TaskType = ModelTask.TokenCls.Name(), Names = EntityTags.Names(types) };
    }

    private static List<string> Sorted(IEnumerable<string> names) => [.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
