using System.Globalization;
using System.Text;
using ExcelDataReader;

namespace Peft.Core.Data.Import.Containers;

/// <summary>A sheet of a workbook (xlsx, xls). Numbers are written as short as they read back, dates as ISO 8601; both are told.</summary>
internal sealed class WorkbookSource : IRowSource
{
    private readonly string path;
    private readonly int sheet;
    private readonly bool hasHeader;

    /// <param name="path">The workbook.</param>
    /// <param name="sheet">Number of the sheet, from 0.</param>
    /// <param name="hasHeader">Whether the first row names the columns.</param>
    public WorkbookSource(string path, int sheet, bool hasHeader)
    {
        (this.path, this.sheet, this.hasHeader) = (path, sheet, hasHeader);
        var first = Cells().FirstOrDefault();
        Columns = first.Values is null ? [] : CellRows.Names(hasHeader ? first.Values : [.. first.Values.Select(_ => "")]);
    }

    /// <inheritdoc />
    public string Container => "xlsx";

    /// <inheritdoc />
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Names of the sheets that hold anything.</summary>
    public static IReadOnlyList<(int Number, string Name)> Sheets(string path, string label)
    {
        var sheets = new List<(int, string)>();
        using var reader = Open(path, label);
        var number = 0;
        do
        {
            if (reader.RowCount > 0 && reader.FieldCount > 0)
                sheets.Add((number, reader.Name));
            number++;
        }
        while (reader.NextResult());
        return sheets;
    }

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        var row = 0;
        foreach (var (line, values) in Cells().Skip(hasHeader ? 1 : 0))
        {
            var cells = values.Take(Columns.Count).Concat(Enumerable.Repeat("", Math.Max(0, Columns.Count - values.Count))).ToList();
            var raw = Encoding.UTF8.GetBytes(string.Join('\t', values));
            if (values.Skip(Columns.Count).Any(value => value.Length > 0))
            {
                yield return new DataRow(row++, line, default, raw, ImportNote.Refused($"The row has {values.Count} cells, but the table has {Columns.Count} columns."));
                continue;
            }

            using var document = CellRows.Object(Columns, cells);
            yield return new DataRow(row++, line, document.RootElement, raw, null);
        }
    }

    private IEnumerable<(int Line, IReadOnlyList<string> Values)> Cells()
    {
        using var reader = Open(path, Path.GetFileName(path));
        for (var i = 0; i < sheet; i++)
            reader.NextResult();
        var line = 0;
        while (reader.Read())
        {
            line++;
            var values = new List<string>(reader.FieldCount);
            for (var i = 0; i < reader.FieldCount; i++)
                values.Add(Text(reader.GetValue(i)));
            while (values.Count > 0 && values[^1].Length == 0 && values.Count > (Columns?.Count ?? 0))
                values.RemoveAt(values.Count - 1);
            if (values.Any(value => value.Length > 0))
                yield return (line, values);
        }
    }

    private static IExcelDataReader Open(string path, string label)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return ExcelReaderFactory.CreateReader(stream);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The reader throws whatever its parsers throw: a damaged workbook is one refusal, whatever the reason inside.
            stream.Dispose();
            throw new PeftException($"{label}: the workbook cannot be read: {error.Message}", error);
        }
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        string text => text,
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        DateTime date => date.ToString(date.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture),
        bool flag => flag ? "true" : "false",
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
