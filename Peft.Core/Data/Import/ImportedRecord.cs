using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import;

/// <summary>One record as a file says it, before it is decided what a dataset makes of it. Texts are exactly the file's.</summary>
public abstract record ImportedRecord
{
    /// <summary>Name of the record in its source.</summary>
    public string? Id { get; init; }

    /// <summary><c>train</c>, <c>dev</c> or <c>test</c>, where the source says so.</summary>
    public string? Split { get; init; }

    /// <summary>Fields of the source that the record itself has no place for; kept beside it. Null when there are none.</summary>
    public JsonObject? Fields { get; init; }
}

/// <summary>What to do, on what, and the wanted answer.</summary>
/// <param name="Instruction">What to do.</param>
/// <param name="Input">What to do it on; may be empty.</param>
/// <param name="Output">The wanted answer.</param>
public sealed record ImportedInstruction(string Instruction, string Input, string Output) : ImportedRecord
{
    /// <summary>System prompt; empty when there is none.</summary>
    public string System { get; init; } = "";

    /// <summary>Earlier turns, oldest first.</summary>
    public IReadOnlyList<(string User, string Assistant)> History { get; init; } = [];
}

/// <summary>A conversation. Roles are <c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool_call</c>, <c>tool</c>.</summary>
/// <param name="Messages">The turns: <c>role</c>, <c>content</c> and whatever else the source says of a turn.</param>
public sealed record ImportedChat(IReadOnlyList<JsonObject> Messages) : ImportedRecord
{
    /// <summary>The tools that may be called, as the source writes them.</summary>
    public JsonNode? Tools { get; init; }
}

/// <summary>A marked piece of a text.</summary>
/// <param name="Text">The marked words, as the text has them (or, of a piece with gaps, as the source says).</param>
/// <param name="Type">What it is; null when the source names no type.</param>
/// <param name="Start">First UTF-16 unit.</param>
/// <param name="End">One past the last UTF-16 unit.</param>
/// <param name="StartCodePoint">First code point.</param>
/// <param name="EndCodePoint">One past the last code point.</param>
public sealed record ImportedEntity(string Text, string? Type, int Start, int End, int StartCodePoint, int EndCodePoint)
{
    /// <summary>Pieces of a span with gaps, in code points; empty for an ordinary one.</summary>
    public IReadOnlyList<(int Start, int End)> Fragments { get; init; } = [];

    /// <summary>What annotators wrote about it.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Attributes: name and value (true for a flag).</summary>
    public IReadOnlyDictionary<string, string?> Attributes { get; init; } = new Dictionary<string, string?>();
}

/// <summary>A relation between two entities of a text.</summary>
/// <param name="Head">Index of the head entity.</param>
/// <param name="Tail">Index of the tail entity.</param>
/// <param name="Type">Its type; null when the source names none.</param>
/// <param name="Symmetric">Whether head and tail can change places.</param>
public sealed record ImportedRelation(int Head, int Tail, string? Type, bool Symmetric)
{
    /// <summary>Its place in the file.</summary>
    public int Sequence { get; init; }
}

/// <summary>A text with entities and relations.</summary>
/// <param name="Text">The text.</param>
/// <param name="Entities">By start, then longest first, then type.</param>
/// <param name="Relations">By head, tail, type.</param>
public sealed record ImportedAnnotation(string Text, IReadOnlyList<ImportedEntity> Entities, IReadOnlyList<ImportedRelation> Relations) : ImportedRecord
{
    /// <summary>Name of the document, where the format has documents.</summary>
    public string? Document { get; init; }

    /// <summary>Chosen labels of the whole text.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>Free texts that annotators wrote.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Remarks on the record.</summary>
    public IReadOnlyList<string> Comments { get; init; } = [];

    /// <summary>Other fields of the task, as text.</summary>
    public IReadOnlyDictionary<string, string> Meta { get; init; } = new Dictionary<string, string>();

    /// <summary><c>submitted</c>, <c>skipped</c> or <c>suggestion</c>.</summary>
    public string Status { get; init; } = "submitted";

    /// <summary>Id of the annotation within its task.</summary>
    public string? AnnotationId { get; init; }

    /// <summary>Which model suggested it.</summary>
    public string? ModelVersion { get; init; }

    /// <summary>How sure that model was.</summary>
    public double? Score { get; init; }

    /// <summary>Groups of entities (indices) that mean the same.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Equivalences { get; init; } = [];

    /// <summary>Facts that the source names by words only, without places in the text.</summary>
    public IReadOnlyList<Triple> Triples { get; init; } = [];

    /// <summary>Relations that are asked for; null when the source does not list them.</summary>
    public IReadOnlyList<string>? Candidates { get; init; }

    /// <summary>Whether the format speaks of relations at all (an empty list then says that there are none).</summary>
    public bool HasRelations { get; init; }
}

/// <summary>A sentence as tokens with one tag each.</summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="Tags">One tag per token, e.g. <c>B-PER</c>.</param>
public sealed record ImportedTokens(IReadOnlyList<string> Tokens, IReadOnlyList<string> Tags) : ImportedRecord;

/// <summary>A record that already has the form of one of the workbench's kinds.</summary>
/// <param name="Record">The record.</param>
public sealed record ImportedTask(IDataRecord Record) : ImportedRecord;

/// <summary>A row of a table whose columns nobody has said the meaning of yet.</summary>
/// <param name="Cells">The cells, as text.</param>
public sealed record ImportedCells(IReadOnlyList<string> Cells) : ImportedRecord;
