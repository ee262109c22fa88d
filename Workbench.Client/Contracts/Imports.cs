namespace Workbench.Client.Contracts;

/// <summary>What a person decided about an import; null is found out from the files.</summary>
/// <param name="Layout">Layout of the rows, e.g. <c>alpaca</c>.</param>
/// <param name="Encoding">e.g. <c>gb18030</c>.</param>
/// <param name="Delimiter">Character between the cells of a table.</param>
/// <param name="OffsetUnit"><c>codepoint</c> or <c>utf16</c>.</param>
/// <param name="Kind">Kind of the dataset to be made.</param>
/// <param name="HasHeader">Whether the first row of a table names the columns.</param>
/// <param name="TokenJoin">What is put between the tokens of a token file.</param>
/// <param name="Mapping">Field to column; a column that begins with <c>=</c> is a text for all rows.</param>
public sealed record ImportChoices(
    string? Layout = null, string? Encoding = null, string? Delimiter = null, string? OffsetUnit = null, DatasetKind? Kind = null, bool HasHeader = true,
    string? TokenJoin = null, IReadOnlyDictionary<string, string>? Mapping = null);

/// <summary>Files on their way to an import, with the bytes that are here.</summary>
public sealed record ImportUpload(string Id, IReadOnlyList<ReceivedFile> Received);

/// <summary>How one file is read, and what is to be told about it as a whole. <c>Sample</c> holds its first rows by column.</summary>
public sealed record ImportFileReport(
    string Name, string Format, string Container, string? Layout, string? Encoding, bool EncodingIsCertain, string? Delimiter, string? OffsetUnit, bool AsksForOffsetUnit,
    bool AsksForMapping, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Sample, IReadOnlyList<ImportTold> Told);

/// <summary>Something to know, with its fixed name.</summary>
public sealed record ImportTold(string Code, string Message);

/// <summary>How many rows something was told about. <c>Changed</c> rows are not exactly as in the file.</summary>
public sealed record ImportCount(string Code, bool Changed, int Rows, string Example);

/// <summary>Something told about a row that is kept.</summary>
public sealed record ImportRowNote(string File, int Line, string? Field, string Code, bool Changed, string Message);

/// <summary>An import that runs: rows so far, share of the bytes, and what it gave or why it failed.</summary>
public sealed record ImportJob(string Id, int Rows, double Done, bool IsEnded, ImportReport? Report, string? Error);

/// <summary>A file of an upload, and how much of it is here.</summary>
public sealed record ReceivedFile(string Path, long Size);
