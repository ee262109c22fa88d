using System.Text.Json;

namespace Workbench.Client.Contracts;

public enum DatasetSplit
{
    Train,
    Dev,
    Test,
}

/// <summary>What the records of a dataset look like, and so which tasks can learn from it.</summary>
public enum DatasetKind
{
    Instruction,
    Classification,
    Tagging,
    QuestionAnswering,
    Text,
}

public sealed record DatasetSummary(
    string Id, string Name, string Description, int Train, int Dev, int Test, bool IsSample, DateTimeOffset UpdatedAt, int Problems,
    DatasetKind Kind = DatasetKind.Instruction);

/// <summary>
/// One record. <c>Form</c> is present when the record was typed in the lecture's form or its triples could be read. <c>Data</c> is the record
/// itself where it is no instruction (a text with its label, its entities, a question with its answers); the three texts then only show it.
/// <c>Beside</c> is what its source says beyond it: system prompt, earlier turns, places of entities, other fields.
/// </summary>
public sealed record RecordDto(
    string Id, DatasetSplit Split, int Position, string Instruction, string Input, string Output, string Source, RelationFormDto? Form,
    JsonElement? Data = null, JsonElement? Beside = null);

/// <summary>The lecture's form: candidate relations, passage, triples.</summary>
public sealed record RelationFormDto(IReadOnlyList<string> Candidates, string Passage, IReadOnlyList<TripleDto> Triples);

public sealed record TripleDto(string Head, string Relation, string Tail);

public sealed record RecordPage(int Total, int Offset, IReadOnlyList<RecordDto> Records);

public sealed record CreateDataset(string Name, string Description);

/// <summary>A text that was pasted, or the files of an upload. The content decides how they are read; a name only helps where it leaves a choice.</summary>
public sealed record ImportText(string FileName, string Text, DatasetSplit? Split, string? Upload = null, ImportChoices? Choices = null);

/// <summary>What an import did or would do, row by row where it refused.</summary>
public sealed record ImportReport(
    string Format, int Accepted, int Refused, IReadOnlyList<ImportProblem> Problems, IReadOnlyList<RecordDto> Preview, bool Committed,
    DatasetKind Kind = DatasetKind.Instruction)
{
    /// <summary>Rows, tasks or documents that were read.</summary>
    public int Rows { get; init; }

    /// <summary>Records that are kept, but not exactly as in their file.</summary>
    public int Changed { get; init; }

    /// <summary>Suggestions and skipped tasks, set aside in the quarantine.</summary>
    public int SetAside { get; init; }

    /// <summary>Whether only the beginning of large files was looked at.</summary>
    public bool IsPartial { get; init; }

    /// <summary>How each file is read.</summary>
    public IReadOnlyList<ImportFileReport> Files { get; init; } = [];

    /// <summary>What was told, counted.</summary>
    public IReadOnlyList<ImportCount> Counts { get; init; } = [];

    /// <summary>What was told about rows that are kept; the first ones.</summary>
    public IReadOnlyList<ImportRowNote> Notes { get; init; } = [];
}

public sealed record ImportProblem(string File, int Line, int? Column, string? Field, string Message);

/// <summary>
/// Instruction/Input/Output, or Form, or Data is given. A form is rendered to the triple by the server with the lecture's template; data is a
/// record of the dataset's kind with the fields that its files have.
/// </summary>
public sealed record SaveRecord(DatasetSplit Split, string? Instruction, string? Input, string? Output, RelationFormDto? Form, JsonElement? Data = null);

public sealed record RenderedRecord(string Instruction, string Input, string Output, IReadOnlyList<string> Problems);

/// <summary>Shares in percent that add up to 100; the split is seeded and keeps each record's text on one side.</summary>
public sealed record SplitDataset(int Train, int Dev, int Test, int Seed);

/// <summary>State of undo and redo after a change.</summary>
public sealed record EditState(bool CanUndo, bool CanRedo, string? UndoText, string? RedoText, DatasetSummary Dataset);

public sealed record SnapshotDto(string DatasetId, string Hash, int Train, int Dev, int Test, DateTimeOffset CreatedAt);

/// <summary>A record as the trainer sees it.</summary>
public sealed record TokenView(string ModelId, int PromptTokens, int OutputTokens, int MaxLength, int CutTokens, IReadOnlyList<TokenDto> Tokens);

public enum TokenRole
{
    Context,
    Loss,
    Cut,
}

public sealed record TokenDto(int Id, string Text, TokenRole Role, bool Special);
