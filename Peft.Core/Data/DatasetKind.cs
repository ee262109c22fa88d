namespace Peft.Core.Data;

/// <summary>What the records of a dataset look like, and so which tasks can learn from it.</summary>
public enum DatasetKind
{
    /// <summary>What to do, on what, and the wanted answer.</summary>
    Instruction,

    /// <summary>A text, or a pair of texts, with its labels or a number.</summary>
    Classification,

    /// <summary>A text with marked entities.</summary>
    Tagging,

    /// <summary>A question, a text that answers it, and where.</summary>
    QuestionAnswering,

    /// <summary>Text alone.</summary>
    Text,

    /// <summary>Conversations of several turns.</summary>
    Chat,
}

/// <summary>Kinds of datasets as manifests write them.</summary>
public static class DatasetKinds
{
    private static readonly (DatasetKind Kind, string Name)[] s_names =
    [
        (DatasetKind.Instruction, "instruction"), (DatasetKind.Classification, "classification"), (DatasetKind.Tagging, "tagging"),
        (DatasetKind.QuestionAnswering, "question-answering"), (DatasetKind.Text, "text"), (DatasetKind.Chat, "chat"),
    ];

    /// <summary>Every name, in order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_names.Select(n => n.Name)];

    /// <summary>The name, e.g. <c>question-answering</c>.</summary>
    public static string Name(this DatasetKind kind) => s_names.First(n => n.Kind == kind).Name;

    /// <summary>The kind of a name.</summary>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static DatasetKind Parse(string name)
    {
        var found = s_names.Where(n => n.Name == name).ToList();
        return found.Count == 1
            ? found[0].Kind
            : throw new PeftException($"Unknown kind of dataset '{name}': use one of {string.Join(", ", Names)}.");
    }
}
