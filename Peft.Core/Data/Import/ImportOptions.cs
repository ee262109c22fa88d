namespace Peft.Core.Data.Import;

/// <summary>In which units a file counts offsets.</summary>
public enum OffsetUnit
{
    /// <summary>Unicode code points, as Python counts.</summary>
    CodePoint,

    /// <summary>UTF-16 units, as C# and JavaScript count.</summary>
    Utf16,
}

/// <summary>What a person may decide about an import; everything else is found out from the files.</summary>
public sealed record ImportOptions
{
    /// <summary>Layout of the files, e.g. <c>alpaca</c>; null finds it out. See <see cref="DatasetImport.Layouts"/>.</summary>
    public string? Layout { get; init; }

    /// <summary>Name of the encoding, e.g. <c>gb18030</c>; null finds it out.</summary>
    public string? Encoding { get; init; }

    /// <summary>Character between the cells of a table; null finds it out.</summary>
    public string? Delimiter { get; init; }

    /// <summary>Unit of offsets where the file proves none; null asks when it matters.</summary>
    public OffsetUnit? OffsetUnit { get; init; }

    /// <summary>Meaning of a table's columns: field (<c>instruction</c>, <c>input</c>, <c>output</c>, <c>text</c>, <c>label</c>, …) to column. Null goes by the names.</summary>
    public IReadOnlyDictionary<string, string>? Mapping { get; init; }

    /// <summary>Columns of a token file: <c>token</c>, <c>tag</c> or <c>-</c>, joined by commas. Null finds them out.</summary>
    public string? TokenColumns { get; init; }

    /// <summary>What stands between the columns of a token file; null finds it out.</summary>
    public string? TokenSeparator { get; init; }

    /// <summary>What is put between tokens to make the text; null puts nothing between single characters and keeps other tokens as tokens.</summary>
    public string? TokenJoin { get; init; }

    /// <summary>Whether the first row of a table names the columns.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Relations to ask for where the records do not list them.</summary>
    public IReadOnlyList<string>? Candidates { get; init; }

    /// <summary>Most bytes that the files of an archive may unpack to.</summary>
    public long LargestUnpacked { get; init; } = 8L << 30;
}
