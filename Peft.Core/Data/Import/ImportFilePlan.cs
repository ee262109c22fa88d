namespace Peft.Core.Data.Import;

/// <summary>How one file will be read: what was found out, what was chosen, and what a person still has to say.</summary>
public sealed class ImportFilePlan
{
    /// <summary>Name of the file.</summary>
    public required string Name { get; init; }

    /// <summary>Format, e.g. <c>label-studio-json</c>, <c>csv</c>, <c>conll</c>.</summary>
    public required string Format { get; init; }

    /// <summary>Form of the file, e.g. <c>jsonl</c>.</summary>
    public required string Container { get; init; }

    /// <summary>Layout of the rows, e.g. <c>alpaca</c>; null when it is not recognised.</summary>
    public string? Layout { get; init; }

    /// <summary>Encoding of a text file; null for a binary one.</summary>
    public FileEncoding? Encoding { get; init; }

    /// <summary>Character between the cells of a table.</summary>
    public string? Delimiter { get; init; }

    /// <summary>Unit that offsets are read in, where there are offsets.</summary>
    public OffsetUnit? OffsetUnit { get; init; }

    /// <summary>Whether offsets mean different spans in different units and nothing says which is right: a person has to choose.</summary>
    public bool AsksForOffsetUnit { get; init; }

    /// <summary>Whether the meaning of the columns has to be said.</summary>
    public bool AsksForMapping { get; init; }

    /// <summary>Names of the columns or fields.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>What is to be told about the whole file.</summary>
    public IReadOnlyList<ImportNote> Notes { get; init; } = [];

    /// <summary>Relation types that occur, where the layout has relations without a list of what is asked for.</summary>
    public IReadOnlyList<string> RelationTypes { get; init; } = [];

    internal Func<IEnumerable<ImportItem>> Items { get; init; } = () => [];

    /// <summary>The rows of the file in order. Items are valid until the next is asked for.</summary>
    public IEnumerable<ImportItem> Read() => Items();
}
