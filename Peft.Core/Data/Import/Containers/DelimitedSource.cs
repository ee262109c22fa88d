using System.Text;

namespace Peft.Core.Data.Import.Containers;

/// <summary>
/// Comma-, tab-, semicolon- or bar-separated values after RFC 4180. Cells stay text: no number, date or blank is guessed. An own reader,
/// because a report needs the line of every row, and because an unclosed quote must cost one row and not the rest of the file.
/// </summary>
internal sealed class DelimitedSource : IRowSource
{
    private readonly Func<Stream> open;
    private readonly bool hasHeader;

    /// <param name="open">Opens the file as UTF-8 without byte order mark.</param>
    /// <param name="delimiter">Character between cells.</param>
    /// <param name="hasHeader">Whether the first row names the columns.</param>
    public DelimitedSource(Func<Stream> open, char delimiter, bool hasHeader)
    {
        this.open = open;
        Delimiter = delimiter;
        this.hasHeader = hasHeader;
        var first = Records().FirstOrDefault();
        Columns = first.Cells is null ? [] : CellRows.Names(hasHeader ? first.Cells : [.. first.Cells.Select(_ => "")]);
    }

    /// <summary>Character between cells.</summary>
    public char Delimiter { get; }

    /// <inheritdoc />
    public string Container => Delimiter == '\t' ? "tsv" : "csv";

    /// <inheritdoc />
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The delimiter that divides the first lines most evenly; null when none does.</summary>
    public static char? Detect(string head)
    {
        var best = (Delimiter: (char?)null, Score: 0);
        foreach (var delimiter in (char[])['\t', ',', ';', '|'])
        {
            var counts = Split(head, delimiter).Take(20).Select(row => row.Cells.Count).ToList();
            if (counts.Count == 0 || counts[0] < 2)
                continue;
            var even = counts.Count(count => count == counts[0]);
            var score = even * 10 / counts.Count * 100 + counts[0];
            if (even * 10 >= counts.Count * 8 && score > best.Score)
                best = (delimiter, score);
        }

        return best.Delimiter;
    }

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        var row = 0;
        foreach (var record in Records().Skip(hasHeader ? 1 : 0))
        {
            var raw = Encoding.UTF8.GetBytes(record.Text);
            if (record.Problem is not null || record.Cells!.Count != Columns.Count)
            {
                var problem = record.Problem ?? $"The row has {record.Cells!.Count} cells, but the table has {Columns.Count} columns.";
                yield return new DataRow(row++, record.Line, default, raw, ImportNote.Refused(problem, column: record.Problem is null ? null : 1));
                continue;
            }

            using var document = CellRows.Object(Columns, record.Cells);
            yield return new DataRow(row++, record.Line, document.RootElement, raw, null);
        }
    }

    private IEnumerable<Record> Records()
    {
        using var reader = new StreamReader(open(), new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false, bufferSize: 1 << 16);
        foreach (var record in Parse(new LineReader(reader)))
            yield return record;
    }

    private static IEnumerable<Record> Split(string text, char delimiter) => new Splitter(delimiter).Read(new LineReader(new StringReader(text))).Where(record => record.Cells is not null);

    private IEnumerable<Record> Parse(LineReader lines) => new Splitter(Delimiter).Read(lines);

    private readonly record struct Record(int Line, IReadOnlyList<string> Cells, string Text, string? Problem);

    /// <summary>Lines with their ends, and a place to put lines back.</summary>
    private sealed class LineReader(TextReader reader)
    {
        private readonly Stack<string> back = new();
        private readonly StringBuilder line = new();

        public int Number { get; private set; }

        public string? Next()
        {
            if (back.TryPop(out var again))
            {
                Number++;
                return again;
            }

            line.Clear();
            int one;
            while ((one = reader.Read()) >= 0)
            {
                line.Append((char)one);
                if (one == '\n')
                    break;
            }

            if (line.Length == 0)
                return null;
            Number++;
            return line.ToString();
        }

        public void PutBack(IReadOnlyList<string> lines)
        {
            for (var i = lines.Count - 1; i >= 0; i--)
                back.Push(lines[i]);
            Number -= lines.Count;
        }
    }

    private sealed class Splitter(char delimiter)
    {
        private readonly StringBuilder cell = new();

        public IEnumerable<Record> Read(LineReader lines)
        {
            while (lines.Next() is { } line)
            {
                if (line.AsSpan().Trim("\r\n\t ").Length == 0)
                    continue;
                yield return One(line, lines);
            }
        }

        private Record One(string line, LineReader lines)
        {
            var (first, cells, taken) = (lines.Number, new List<string>(), new List<string> { line });
            var (quoted, closed) = (false, false);
            cell.Clear();
            while (true)
            {
                for (var i = 0; i < line.Length; i++)
                {
                    var c = line[i];
                    if (quoted)
                    {
                        if (c != '"')
                            cell.Append(c);
                        else if (i + 1 < line.Length && line[i + 1] == '"')
                            cell.Append(line[i++]);
                        else
                            (quoted, closed) = (false, true);
                    }
                    else if (c == delimiter)
                    {
                        cells.Add(cell.ToString());
                        cell.Clear();
                        closed = false;
                    }
                    else if (c == '"' && cell.Length == 0 && !closed)
                    {
                        quoted = true;
                    }
                    else if (c == '\n' || (c == '\r' && i + 1 < line.Length && line[i + 1] == '\n') || (c == '\r' && i + 1 == line.Length))
                    {
                        break;
                    }
                    else
                    {
                        cell.Append(c);
                    }
                }

                if (!quoted)
                {
                    cells.Add(cell.ToString());
                    return new Record(first, cells, taken.Count == 1 ? line : string.Concat(taken), null);
                }

                if (lines.Next() is not { } next)
                {
                    // The quote opens and never closes: only its own line is refused, and reading goes on behind it.
                    lines.PutBack(taken[1..]);
                    return new Record(first, [], taken[0], "A quotation mark opens a cell and is never closed.");
                }

                line = next;
                taken.Add(line);
            }
        }
    }
}
