using Peft.Core.Models;
using Workbench.Client.Contracts;

namespace Workbench.Server.Planning;

/// <summary>Which tasks a dataset can teach a base, the usual one first.</summary>
public static class TaskChoice
{
    /// <summary>Tasks by PEFT's names; none where the dataset cannot teach this base anything.</summary>
    /// <param name="kind">Kind of the records.</param>
    /// <param name="model">What the base can be used for.</param>
    public static IReadOnlyList<string> Of(DatasetKind kind, IReadOnlyList<ModelTask> model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. Taught(kind).Where(model.Contains).Select(task => task.Name())];
    }

    /// <summary>Whether a model answers in words, rather than choosing among what it was given.</summary>
    public static bool Writes(string task) => task is "CAUSAL_LM" or "SEQ_2_SEQ_LM";

    private static ModelTask[] Taught(DatasetKind kind) => kind switch
    {
        // Texts with labels can also be asked about in words: the answer is the label.
        DatasetKind.Classification => [ModelTask.SeqCls, ModelTask.CausalLm, ModelTask.Seq2SeqLm],
        DatasetKind.Tagging => [ModelTask.TokenCls],
        DatasetKind.QuestionAnswering => [ModelTask.QuestionAns],
        DatasetKind.Text => [],
        _ => [ModelTask.CausalLm, ModelTask.Seq2SeqLm],
    };
}
