using System.Text.Json;
using Peft.Core.Data.Import.Containers;

namespace Peft.Core.Data.Import.Formats;

/// <summary>What a reader makes of a row: records, each with what is to be told about it.</summary>
internal readonly record struct Reading(ImportedRecord? Record, IReadOnlyList<ImportNote> Notes)
{
    public static readonly IReadOnlyList<ImportNote> Clean = [];

    public static Reading Of(ImportedRecord record, List<ImportNote>? notes = null) => new(record, notes is null or { Count: 0 } ? Clean : notes);
}

/// <summary>Understands the fields of rows in one layout.</summary>
internal abstract class RowReader
{
    /// <summary>Whether a first pass over the rows is needed before they can be read.</summary>
    public virtual bool NeedsSurvey => false;

    /// <summary>Looks at a row in the first pass. Must not fail: rows that cannot be used are named in the second.</summary>
    public virtual void Survey(JsonElement row)
    {
    }

    /// <summary>What is to be told about the whole file, known after the first pass.</summary>
    public virtual IEnumerable<ImportNote> FileNotes() => [];

    /// <summary>Unit of the offsets, where the layout has offsets.</summary>
    public virtual OffsetUnit? Unit => null;

    /// <summary>Whether a person has to say the unit.</summary>
    public virtual bool AsksForUnit => false;

    /// <summary>Relation types that occur, where records do not list what is asked for.</summary>
    public virtual IReadOnlyList<string> RelationTypes => [];

    /// <summary>Reads a row.</summary>
    /// <exception cref="RowException">The row cannot be used.</exception>
    public abstract IEnumerable<Reading> Read(JsonElement row);

    /// <summary>Called before the first row; a file may be read more than once.</summary>
    public virtual void Begin()
    {
    }

    /// <summary>Records that come behind all others.</summary>
    public virtual IEnumerable<(int Row, Reading Reading)> Finish() => [];

    /// <summary>Tells the reader the number of the row it is about to read.</summary>
    public int Row { get; set; }
}

/// <summary>A layout of rows: its name, how it is recognised, and its reader.</summary>
/// <param name="Name">Name, e.g. <c>alpaca</c>.</param>
/// <param name="Fits">Whether a row looks like it.</param>
/// <param name="Create">Makes a reader.</param>
internal sealed record Layout(string Name, Func<JsonElement, bool> Fits, Func<ImportOptions, IRowSource, RowReader> Create)
{
    /// <summary>Name of the format of a file in this layout.</summary>
    public Func<string, string>? Format { get; init; }
}
