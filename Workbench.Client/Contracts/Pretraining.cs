using System.Text.Json;

namespace Workbench.Client.Contracts;

/// <summary>What a person fills in to make a base from text.</summary>
public sealed record PretrainDraft
{
    /// <summary>The method's place in lists of runs: nothing is added to a base, one is made.</summary>
    public const string PeftType = "PRETRAIN";

    /// <summary>Name of the run and of the base that it makes.</summary>
    public string Name { get; init; } = "";

    /// <summary>Architecture by its <c>model_type</c>.</summary>
    public required string Layout { get; init; }

    /// <summary>Fields of <c>config.json</c> that differ from the layout's.</summary>
    public Dictionary<string, JsonElement> Config { get; init; } = [];

    /// <summary>The base model whose tokenizer is taken and extended.</summary>
    public required string TokenizerModelId { get; init; }

    /// <summary>A dataset as the corpus; null when <see cref="CorpusPath"/> names a file.</summary>
    public string? DatasetId { get; init; }

    /// <summary>A file or folder on the workbench's machine: as a complete path, or one that was uploaded.</summary>
    public string? CorpusPath { get; init; }

    /// <summary>Field of the corpus' lines that holds the text.</summary>
    public string TextField { get; init; } = "text";

    public double NoiseDensity { get; init; } = 0.15;

    public double MeanSpanLength { get; init; } = 3;

    public bool Pack { get; init; }

    public int EvalDocuments { get; init; } = 500;

    /// <summary>Whether the embedding rows of the tokenizer's model start the new ones.</summary>
    public bool TakeEmbeddings { get; init; }

    /// <summary>Whether the first values have a structure that a small corpus would not lead to.</summary>
    public bool StructuredStart { get; init; } = true;

    /// <summary>Training arguments with Hugging Face field names; those left out take the defaults.</summary>
    public Dictionary<string, JsonElement> Training { get; init; } = [];

    public string Device { get; init; } = "cpu";

    public int Threads { get; init; }
}

/// <summary>An architecture that bases can be made in: what it learns (<c>masked_lm</c>, <c>span_corruption</c>, <c>causal_lm</c>) and its small sizes.</summary>
public sealed record PretrainLayout(string ModelType, string Objective, IReadOnlyDictionary<string, JsonElement> Sizes);

/// <summary>What the form offers.</summary>
public sealed record PretrainChoices(IReadOnlyList<PretrainLayout> Layouts, IReadOnlyDictionary<string, JsonElement> Training);

/// <summary>What a draft amounts to: the new base's size, what the corpus holds, everything that is wrong.</summary>
public sealed record PretrainPreview(
    long Parameters, int Vocabulary, long BaseBytes, long MemoryBytes, long MachineBytes, int? Documents, string Command, IReadOnlyList<DraftProblem> Problems);

/// <summary>A corpus that was sent from a browser.</summary>
public sealed record CorpusFile(string Path, long Bytes);
