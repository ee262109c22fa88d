namespace Peft.Core.Models;

/// <summary>What a model is used for: which head stands on the base, and what its labels are. Names are those of PEFT's <c>TaskType</c>.</summary>
public enum ModelTask
{
    /// <summary>Predict the next token.</summary>
    CausalLm,

    /// <summary>Predict an output text from an input text with encoder and decoder.</summary>
    Seq2SeqLm,

    /// <summary>One label, several labels or a number per text.</summary>
    SeqCls,

    /// <summary>A label per token.</summary>
    TokenCls,

    /// <summary>Start and end of an answer in the text.</summary>
    QuestionAns,

    /// <summary>The hidden states themselves; no head.</summary>
    FeatureExtraction,

    /// <summary>Predict hidden-out tokens.</summary>
    MaskedLm,
}

/// <summary>Task names as PEFT and configs write them.</summary>
public static class ModelTasks
{
    private static readonly (ModelTask Task, string Name)[] s_names =
    [
        (ModelTask.CausalLm, "CAUSAL_LM"), (ModelTask.Seq2SeqLm, "SEQ_2_SEQ_LM"), (ModelTask.SeqCls, "SEQ_CLS"), (ModelTask.TokenCls, "TOKEN_CLS"),
        (ModelTask.QuestionAns, "QUESTION_ANS"), (ModelTask.FeatureExtraction, "FEATURE_EXTRACTION"), (ModelTask.MaskedLm, "MASKED_LM"),
    ];

    /// <summary>The name, e.g. <c>SEQ_CLS</c>.</summary>
    public static string Name(this ModelTask task) => s_names.First(n => n.Task == task).Name;

    /// <summary>The task of a name.</summary>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static ModelTask Parse(string name)
    {
        var found = s_names.Where(n => n.Name == name).ToList();
        return found.Count == 1
            ? found[0].Task
            : throw new PeftException($"Unknown task '{name}': use one of {string.Join(", ", s_names.Select(n => n.Name))}.");
    }
}
