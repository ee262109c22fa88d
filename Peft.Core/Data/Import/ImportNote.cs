namespace Peft.Core.Data.Import;

/// <summary>What a note means for its row.</summary>
public enum ImportSeverity
{
    /// <summary>Good to know; the row is as in the file.</summary>
    Told,

    /// <summary>The row is kept, but not exactly as the file has it; the note says how.</summary>
    Changed,

    /// <summary>The row is not kept.</summary>
    Refused,
}

/// <summary>Something a person has to be told about a row, or about a whole file.</summary>
/// <param name="Severity">What it means for the row.</param>
/// <param name="Code">Fixed name, e.g. <c>duplicate-relation</c>.</param>
/// <param name="Message">What was found, for people.</param>
/// <param name="Field">Name of the field, where there is one.</param>
/// <param name="Column">Column in the line, from 1, where it is known.</param>
public sealed record ImportNote(ImportSeverity Severity, string Code, string Message, string? Field = null, int? Column = null)
{
    /// <summary>A row that is not kept.</summary>
    public static ImportNote Refused(string message, string? field = null, int? column = null, string code = "row-refused") =>
        new(ImportSeverity.Refused, code, message, field, column);

    /// <summary>A row that is kept in another form.</summary>
    public static ImportNote Changed(string code, string message, string? field = null) => new(ImportSeverity.Changed, code, message, field);

    /// <summary>Something to know.</summary>
    public static ImportNote Told(string code, string message, string? field = null) => new(ImportSeverity.Told, code, message, field);
}

/// <summary>One row of a file: the record it holds, or why it holds none, and what else is to be said about it.</summary>
/// <param name="File">File name.</param>
/// <param name="Row">Number of the row in the file, from 0; blank lines do not count.</param>
/// <param name="Line">Line where it begins, from 1.</param>
/// <param name="Record">The record; null when the row is refused, or when it belongs to a record that is given by another item.</param>
/// <param name="Notes">What is to be told.</param>
public sealed record ImportItem(string File, int Row, int Line, ImportedRecord? Record, IReadOnlyList<ImportNote> Notes)
{
    /// <summary>The row as it stands in the file (UTF-8), so that a refused row can be handed back. Valid until the next item is asked for.</summary>
    public ReadOnlyMemory<byte> Raw { get; init; }

    /// <summary>Whether the row is not kept.</summary>
    public bool IsRefused => Notes.Any(note => note.Severity == ImportSeverity.Refused && note.Code == "row-refused");

    /// <summary>Whether this item begins a new row; a task with two annotations is one row and two items.</summary>
    public bool BeginsRow { get; init; } = true;
}
