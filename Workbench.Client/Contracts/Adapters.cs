using System.Text.Json;

namespace Workbench.Client.Contracts;

/// <summary>Where an adapter comes from.</summary>
public enum AdapterSource
{
    /// <summary>A run trained it; its id is the run's.</summary>
    Run,

    /// <summary>It was imported.</summary>
    Imported,

    /// <summary>It was made of others: combined or converted.</summary>
    Made,
}

/// <summary>A saved adapter. Rank is null where the method has none; Problem says why it cannot be used.</summary>
public sealed record AdapterSummary(
    string Id, string Name, AdapterSource Source, string PeftType, string DisplayName, MethodFamily Family, string? TaskType, string? ModelId, string BaseName,
    int? Rank, long Parameters, long Bytes, DateTimeOffset CreatedAt)
{
    public string? Problem { get; init; }
}

/// <summary>An adapter looked at: settings, tensors, and what can be done with it.</summary>
public sealed record AdapterDetail(
    AdapterSummary Summary, string Format, IReadOnlyDictionary<string, JsonElement> Config, IReadOnlyList<AdapterTensor> Tensors, IReadOnlyList<ModelFile> Files,
    IReadOnlyList<DraftProblem> Problems)
{
    public bool CanMerge { get; init; }

    /// <summary>A LoRA that can be combined with others and written as GGUF.</summary>
    public bool IsLora { get; init; }

    /// <summary>A PiSSA or OLoRA adapter: its A and B belong to a changed base until it is converted.</summary>
    public bool CanConvert { get; init; }

    /// <summary>Where it lies on the server's machine.</summary>
    public string Path { get; init; } = "";

    /// <summary>What it was made of, in words.</summary>
    public string? Origin { get; init; }
}

public sealed record AdapterTensor(string Name, IReadOnlyList<long> Shape, string Format, long Bytes);

/// <summary>A tensor or the change of a module in two adapters: lengths, and the cosine between them.</summary>
public sealed record AdapterComparisonRow(string Name, double? First, double? Second, double? Cosine);

/// <summary>Two adapters beside each other. Changes says whether the rows are changes of modules (LoRA) or tensors.</summary>
public sealed record AdapterComparisonDto(
    AdapterSummary First, AdapterSummary Second, bool Changes, IReadOnlyList<AdapterComparisonRow> Rows, IReadOnlyList<AdapterDifference> Settings);

public sealed record AdapterDifference(string Name, string First, string Second);

public enum AdapterJobKind
{
    /// <summary>Merge, look at the outputs, take it out again.</summary>
    Check,

    /// <summary>Merge into a model of its own.</summary>
    Merge,

    /// <summary>Several LoRA adapters as one.</summary>
    Combine,

    /// <summary>PiSSA or OLoRA as plain LoRA.</summary>
    Convert,

    /// <summary>LoRA as a file for llama.cpp.</summary>
    Gguf,
}

/// <summary>Orders something that takes a while.</summary>
public sealed record AdapterOrder
{
    public required AdapterJobKind Kind { get; init; }

    /// <summary>The adapters; one, but for a combination.</summary>
    public required IReadOnlyList<string> Adapters { get; init; }

    /// <summary>The base; null takes the one that the first adapter belongs to.</summary>
    public string? ModelId { get; init; }

    /// <summary>Name of what comes out.</summary>
    public string Name { get; init; } = "";

    // Of a combination, with PEFT's names.
    public IReadOnlyList<double> Weights { get; init; } = [];
    public string CombinationType { get; init; } = "svd";
    public int? SvdRank { get; init; }
    public double Density { get; init; } = 0.5;

    /// <summary>Of a merge: largest size of a file of weights in GiB.</summary>
    public double ShardGiB { get; init; } = 5;
}

public enum AdapterJobState
{
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// <summary>Something that takes a while, and how far it is.</summary>
public sealed record AdapterJob
{
    public required string Id { get; init; }
    public required AdapterJobKind Kind { get; init; }
    public required AdapterJobState State { get; init; }
    public required string Name { get; init; }

    /// <summary>Names of the adapters.</summary>
    public IReadOnlyList<string> Adapters { get; init; } = [];

    /// <summary><c>load</c>, <c>merge</c>, <c>combine</c>, <c>convert</c> or <c>write</c>.</summary>
    public string Stage { get; init; } = "";

    public int Done { get; init; }
    public int Total { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Message { get; init; }

    /// <summary>The model or adapter that came out.</summary>
    public string? ResultId { get; init; }

    /// <summary>What the merge did to the outputs.</summary>
    public MergeReportDto? Report { get; init; }

    /// <summary>There is something to download: a model folder as zip, or a GGUF file.</summary>
    public bool HasFile { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Largest difference of outputs beside and merged, the largest output, and whether taking it out again gave the base back bit for bit.</summary>
public sealed record MergeReportDto(double? LargestDifference, double? LargestOutput, bool Restored);
