namespace Workbench.Client.Contracts;

public sealed record ModelSummary(
    string Id, string Name, string Architecture, long Parameters, string Dtype, long Bytes, bool IsSample, string License, IReadOnlyList<string> Languages)
{
    public ModelPlace Place { get; init; }

    /// <summary>Why it cannot be used; null when it can.</summary>
    public string? Problem { get; init; }
}

/// <summary>A base model's card: what it is, its shape, its README (Markdown), and whether anything is wrong with it.</summary>
public sealed record ModelCard(
    ModelSummary Summary, IReadOnlyDictionary<string, string> Config, string Readme, string ChatTemplate, int VocabularySize, int MaxPositions, string? Problem)
{
    /// <summary>Where it lies on the server's machine.</summary>
    public string Path { get; init; } = "";

    /// <summary>The hub's id and commit that it was downloaded from; null for others.</summary>
    public string? Origin { get; init; }

    /// <summary>What is worth knowing and keeps nobody from using it, such as a head that the files lack.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Runs that were trained on it.</summary>
    public int RunCount { get; init; }

    public ModelNeeds? Needs { get; init; }
}

public enum MethodFamily
{
    Addition,
    Specification,
    Reparameterization,
    Full,
    None,
}

/// <summary>A method as the form shows it. Texts are resource keys with an English fallback.</summary>
public sealed record MethodDto(
    string PeftType, string DisplayName, MethodFamily Family, string Summary, string Paper, IReadOnlyList<MethodOptionDto> Options,
    TrainingPreset Preset)
{
    /// <summary>Its place inside the family; <c>None</c> where the family does not fork.</summary>
    public string Branch { get; init; } = "None";

    /// <summary>Whether its change can be added into the weights of the base.</summary>
    public bool CanMerge { get; init; }
}

public enum OptionKind
{
    Integer,
    Number,
    Flag,
    Choice,
    Text,
    TextList,
}

/// <summary>One option: Hugging Face field name, default as JSON, limits, help with the reason for the default.</summary>
public sealed record MethodOptionDto(
    string Name, OptionKind Kind, string DefaultJson, double? Min, double? Max, IReadOnlyList<string> Choices, string Help, bool Advanced)
{
    /// <summary>The part of the form that a training argument stands in; empty for options of a method.</summary>
    public string Group { get; init; } = "";
}

/// <summary>Training defaults that suit the method, each with its reason.</summary>
public sealed record TrainingPreset(double LearningRate, int MaxSteps, int BatchSize, IReadOnlyDictionary<string, string> Reasons);
