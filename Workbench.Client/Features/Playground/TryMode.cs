namespace Workbench.Client.Features.Playground;

/// <summary>What a model is asked with, which follows from what it was taught.</summary>
public enum TryMode
{
    /// <summary>Candidate relations and a passage, as in the lecture.</summary>
    Relations,

    /// <summary>An instruction and an input.</summary>
    Instruction,

    /// <summary>A text that gets a label or entities.</summary>
    Text,

    /// <summary>A question about a passage.</summary>
    Question,
}

/// <summary>A record to start from.</summary>
public sealed record TryExample(string Instruction, string Input);

/// <summary>Chooses the mode.</summary>
public static class TryModes
{
    /// <param name="taskType">The run's task by PEFT's name; null for a base alone.</param>
    /// <param name="example">A record of the run's data, where one is known.</param>
    public static TryMode Of(string? taskType, TryExample? example) => taskType switch
    {
        "QUESTION_ANS" => TryMode.Question,
        "SEQ_CLS" or "TOKEN_CLS" => TryMode.Text,
        _ when example is { Instruction: { Length: > 0 } asked } && !asked.StartsWith(ExtractionPrompt.Opening, StringComparison.Ordinal) => TryMode.Instruction,
        _ => TryMode.Relations,
    };

    /// <summary>Whether a base without what was trained has anything to say: it lacks the head of the other tasks.</summary>
    public static bool BaseAnswers(TryMode mode) => mode is TryMode.Relations or TryMode.Instruction;
}
