using System.Text.Json;

namespace Peft.Core.Data.Import.Containers;

/// <summary>One row of a file before its fields are understood: a JSON value, or why there is none.</summary>
/// <param name="Row">Number of the row, from 0.</param>
/// <param name="Line">Line where it begins, from 1.</param>
/// <param name="Value">The row as JSON; valid until the next row is asked for.</param>
/// <param name="Raw">The row's bytes, UTF-8; valid as long.</param>
/// <param name="Problem">Why the row cannot be read; null for a readable one.</param>
internal readonly record struct DataRow(int Row, int Line, JsonElement Value, ReadOnlyMemory<byte> Raw, ImportNote? Problem);

/// <summary>A file that is a sequence of rows.</summary>
internal interface IRowSource
{
    /// <summary>Name of the file's form, e.g. <c>jsonl</c>.</summary>
    string Container { get; }

    /// <summary>Names of the columns, where all rows have the same.</summary>
    IReadOnlyList<string>? Columns { get; }

    /// <summary>The rows from the beginning; can be asked for again.</summary>
    IEnumerable<DataRow> Rows();
}
