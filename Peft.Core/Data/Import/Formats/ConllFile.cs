using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Data.Import.Formats;

/// <summary>Token files: a token and its tag a line, a blank line between sentences. Tags are BIO, BIOES, BMES or IOB1.</summary>
internal sealed partial class ConllFile
{
    private readonly string separator;
    private readonly int token;
    private readonly int tag;
    private readonly string? join;

    /// <param name="sample">First lines of the file.</param>
    /// <param name="options">What a person decided.</param>
    public ConllFile(IReadOnlyList<string> sample, ImportOptions options)
    {
        var lines = sample.Where(line => line.Trim().Length > 0 && !IsDocument(line)).ToList();
        separator = options.TokenSeparator ?? (lines.Count(line => line.Contains('\t', StringComparison.Ordinal)) * 2 > lines.Count ? "\t" : " ");
        var columns = options.TokenColumns?.Split(',', StringSplitOptions.TrimEntries);
        var count = lines.Count > 0 ? Cells(lines[0]).Length : 2;
        token = columns is null ? 0 : Math.Max(0, Array.IndexOf(columns, "token"));
        tag = columns is null ? count - 1 : Array.IndexOf(columns, "tag") is >= 0 and var at ? at : count - 1;
        join = options.TokenJoin ?? (lines.Select(line => Cells(line)).Where(cells => cells.Length > token).All(cells => IsCharacter(cells[token])) ? "" : null);
    }

    /// <summary>Whether lines look like tokens with tags.</summary>
    public static bool Fits(IReadOnlyList<string> lines)
    {
        var filled = lines.Where(line => line.Trim().Length > 0 && !IsDocument(line)).Take(200).ToList();
        return filled.Count > 1 && filled.Count(line => Tag().IsMatch(line.TrimEnd())) * 20 >= filled.Count * 19;
    }

    /// <summary>The sentences.</summary>
    public IEnumerable<ImportItem> Read(TextReader reader, string file)
    {
        var (tokens, tags, raw) = (new List<string>(), new List<string>(), new StringBuilder());
        var (line, first, row) = (0, 1, 0);
        ImportNote? problem = null;
        while (true)
        {
            var text = reader.ReadLine();
            line++;
            if (text is not null && IsDocument(text))
                continue;
            if (text is null || text.Trim(' ', '\t', '\r').Length == 0)
            {
                if (tokens.Count > 0 || problem is not null)
                    yield return Sentence(file, row++, first, tokens, tags, problem) with { Raw = Encoding.UTF8.GetBytes(raw.ToString()) };
                (tokens, tags, problem) = ([], [], null);
                raw.Clear();
                if (text is null)
                    yield break;
                continue;
            }

            if (raw.Length == 0)
                first = line;
            raw.Append(text).Append('\n');
            var cells = Cells(text);
            if (cells.Length <= Math.Max(token, tag) || !Legal().IsMatch(cells[tag]))
            {
                problem ??= ImportNote.Refused($"Line {line} does not hold a token and its tag: '{(text.Length > 80 ? text[..80] + "…" : text)}'.");
                continue;
            }

            tokens.Add(cells[token]);
            tags.Add(cells[tag]);
        }
    }

    private ImportItem Sentence(string file, int row, int line, List<string> tokens, List<string> tags, ImportNote? problem)
    {
        if (problem is not null)
            return new ImportItem(file, row, line, null, [problem]);
        var notes = new List<ImportNote>();
        if (tags.TrueForAll(one => one != "O"))
            notes.Add(ImportNote.Told("entity-covers-whole-token-run", "Every token of the sentence belongs to an entity. Was the text cut into words before it was tagged?"));
        if (join is null)
            return new ImportItem(file, row, line, new ImportedTokens(tokens, tags), notes);
        return new ImportItem(file, row, line, TokenText.Annotation(tokens, tags, join, notes), notes);
    }

    private string[] Cells(string line) => separator == " " ? line.TrimEnd('\r').Split((char[])[' '], StringSplitOptions.RemoveEmptyEntries) : line.TrimEnd('\r').Split(separator);

    private static bool IsDocument(string line) => line.StartsWith("-DOCSTART-", StringComparison.Ordinal);

    private static bool IsCharacter(string text) => new System.Globalization.StringInfo(text).LengthInTextElements == 1;

    [GeneratedRegex(@"^\S.*[ \t](O|[BIESMLU][-_].+|[BIESMLU])$")]
    private static partial Regex Tag();

    [GeneratedRegex(@"^(O|[BIESMLU][-_].+|[BIESMLU])$")]
    private static partial Regex Legal();
}

/// <summary>Tokens with tags as a text with entities.</summary>
internal static class TokenText
{
    /// <summary>Joins the tokens and makes entities of runs of tags.</summary>
    public static ImportedAnnotation Annotation(IReadOnlyList<string> tokens, IReadOnlyList<string> tags, string join, List<ImportNote> notes)
    {
        var text = new StringBuilder();
        var starts = new int[tokens.Count];
        for (var i = 0; i < tokens.Count; i++)
        {
            if (i > 0)
                text.Append(join);
            starts[i] = text.Length;
            text.Append(tokens[i]);
        }

        var (spans, open, type, repaired) = (new List<RawSpan>(), -1, "", 0);
        void Close(int last)
        {
            if (open >= 0)
                spans.Add(new RawSpan($"{open}", [(starts[open], starts[last] + tokens[last].Length)], null, type));
            open = -1;
        }

        for (var i = 0; i < tokens.Count; i++)
        {
            var (mark, name) = (tags[i][0], tags[i].Length > 2 ? tags[i][2..] : tags[i] == "O" ? "" : "entity");
            var goesOn = mark is 'I' or 'M' or 'E' or 'L' && open >= 0 && type == name;
            if (!goesOn)
                Close(i - 1);
            if (mark == 'O')
                continue;
            if (!goesOn)
            {
                repaired += mark is 'I' or 'M' or 'E' or 'L' ? 1 : 0;
                (open, type) = (i, name);
            }

            if (mark is 'E' or 'L' or 'S' or 'U')
                Close(i);
        }

        Close(tokens.Count - 1);
        if (repaired > 0)
            notes.Add(ImportNote.Changed("tag-sequence-repaired", $"{repaired} entities begin with a tag that goes on; each is taken for the beginning."));
        var whole = text.ToString();
        var (entities, _) = new AnnotationBuilder(whole, OffsetUnit.Utf16, notes).Build(spans, []);
        return new ImportedAnnotation(whole, entities, []);
    }
}
