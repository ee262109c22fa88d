using System.Text.Json;

namespace Workbench.Client.Contracts;

/// <summary>A page about a method. A variant of a method that is a setting of it (QLoRA of LoRA) has a page, too.</summary>
/// <param name="Slug">Its name in addresses.</param>
/// <param name="PeftType">The method.</param>
/// <param name="Title">Name for people.</param>
/// <param name="Lead">What it does, in a sentence.</param>
public sealed record LessonSummary(string Slug, string PeftType, string Title, string Lead);

/// <summary>The page: Markdown without its title and first paragraph.</summary>
public sealed record LessonDto(string Slug, string PeftType, string Title, string Lead, string Markdown);

/// <summary>Asks for the picture of a method on a base.</summary>
public sealed record LayoutRequest(string ModelId)
{
    /// <summary>Options with Hugging Face field names; those left out take the workbench's defaults.</summary>
    public Dictionary<string, JsonElement> Peft { get; init; } = [];
}

/// <summary>A base with a method on it: what trains, where, and how many numbers that are. Problems say why there is nothing to show.</summary>
public sealed record LayoutDto(
    string ModelType, string TrainableLine, long Trainable, long All, IReadOnlyList<LayoutTensorDto> Input, IReadOnlyList<LayoutTensorDto> Attention, IReadOnlyList<LayoutPartDto> Parts,
    IReadOnlyList<DraftProblem> Problems);

/// <summary>Layers in a row that are alike, or (First = -1) what stands outside the layers.</summary>
public sealed record LayoutPartDto(string Path, int First, int Count, IReadOnlyList<LayoutGroupDto> Groups);

public sealed record LayoutGroupDto(string Name, int Repeats, IReadOnlyList<LayoutModuleDto> Modules, IReadOnlyList<LayoutTensorDto> Added, bool IsAttention = false);

/// <summary>Kind is <c>Embedding</c>, <c>Linear</c>, <c>Norm</c>, <c>Head</c> or <c>Other</c>; Trained counts those of its own numbers that train.</summary>
public sealed record LayoutModuleDto(string Name, string Kind, IReadOnlyList<long> Shape, long Parameters, long Trained, IReadOnlyList<LayoutTensorDto> Added);

public sealed record LayoutTensorDto(string Name, IReadOnlyList<long> Shape, long Count);
