using System.Text;
using System.Text.Json;

namespace Peft.Core.Data.Import.Containers;

/// <summary>Plain text: every line that is not blank is a row with the field <c>text</c>.</summary>
/// <param name="open">Opens the file as UTF-8 without byte order mark.</param>
internal sealed class TextSource(Func<Stream> open) : IRowSource
{
    /// <inheritdoc />
    public string Container => "txt";

    /// <inheritdoc />
    public IReadOnlyList<string>? Columns => null;

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        using var reader = new StreamReader(open(), new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
        var (row, line) = (0, 0);
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (text.Trim().Length == 0)
                continue;
            using var document = CellRows.Object(["text"], [text]);
            yield return new DataRow(row++, line, document.RootElement, Encoding.UTF8.GetBytes(text), null);
        }
    }
}
