using System.Globalization;
using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import.Formats;

/// <summary>brat's standoff files: a text, and beside it a file of entities, relations, attributes, notes and equivalences. Offsets count code points.</summary>
/// <param name="text">The text, exactly.</param>
/// <param name="annotations">Lines of the <c>.ann</c> file.</param>
/// <param name="symmetric">Relation types that the configuration calls symmetric.</param>
internal sealed class BratFile(string text, IReadOnlyList<string> annotations, IReadOnlySet<string> symmetric)
{
    private readonly List<ImportNote> notes = [];
    private readonly Dictionary<string, RawSpan> spans = new(StringComparer.Ordinal);
    private readonly List<RawRelation> relations = [];
    private readonly List<string[]> equivalences = [];
    private readonly JsonArray others = [];
    private readonly List<(string Target, string Text)> remarks = [];

    /// <summary>The document with what is to be told about it.</summary>
    public (ImportedAnnotation Record, IReadOnlyList<ImportNote> Notes) Read(string document)
    {
        for (var i = 0; i < annotations.Count; i++)
            Line(annotations[i].TrimEnd('\r'), i + 1);
        var comments = new List<string>();
        foreach (var (target, remark) in remarks)
        {
            if (spans.TryGetValue(target, out var span))
                span.Notes.Add(remark);
            else
                comments.Add($"{target}: {remark}");
        }

        var builder = new AnnotationBuilder(text, OffsetUnit.CodePoint, notes);
        var (entities, links) = builder.Build([.. spans.Values], relations);
        var groups = equivalences.Select(ids => (IReadOnlyList<int>)[.. ids.Select(id => builder.IndexOf(id, entities)).OfType<int>()]).Where(group => group.Count > 1).ToList();
        return (new ImportedAnnotation(text, entities, links)
        {
            Document = document, Id = document, Equivalences = groups, Comments = comments, HasRelations = true,
            Fields = others.Count > 0 ? new JsonObject { ["annotations"] = others } : null,
        }, notes);
    }

    /// <summary>Relation types that a configuration calls symmetric.</summary>
    public static IReadOnlySet<string> Symmetric(IEnumerable<string> configuration)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var section = "";
        foreach (var line in configuration.Select(line => line.Trim()))
        {
            if (line.StartsWith('['))
                section = line;
            else if (section == "[relations]" && line.Contains("<REL-TYPE>", StringComparison.Ordinal) && line[line.IndexOf("<REL-TYPE>", StringComparison.Ordinal)..].Contains("symmetric", StringComparison.Ordinal))
                found.Add(line.Split((char[])['\t', ' '], StringSplitOptions.RemoveEmptyEntries)[0]);
        }

        return found;
    }

    private void Line(string line, int number)
    {
        if (line.Length == 0)
            return;
        var parts = line.Split('\t');
        var said = parts.Length > 1 ? parts[1].Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
        switch (line[0])
        {
            case 'T' when said.Length >= 3:
                Entity(parts, said, number);
                break;
            case 'R' when said.Length == 3:
                relations.Add(new RawRelation(Argument(said[1]), Argument(said[2]), said[0], symmetric.Contains(said[0])));
                break;
            case '*' when said.Length >= 3:
                equivalences.Add(said[1..]);
                break;
            case 'A' or 'M' when said.Length >= 2:
                if (spans.TryGetValue(said[1], out var target))
                    target.Attributes[said[0]] = said.Length > 2 ? string.Join(' ', said[2..]) : null;
                else
                    Beside(line);
                break;
            case '#' when said.Length >= 2:
                remarks.Add((said[1], parts.Length > 2 ? parts[2] : ""));
                break;
            case 'E' or 'N':
                Beside(line);
                break;
            default:
                notes.Add(ImportNote.Changed("annotation-line-refused", $"Line {number} of the annotations is not understood and left out: '{line}'."));
                break;
        }
    }

    private void Entity(string[] parts, string[] said, int number)
    {
        var pieces = new List<(int, int)>();
        foreach (var piece in string.Join(' ', said[1..]).Split(';'))
        {
            var ends = piece.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (ends.Length != 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var start) || !int.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out var end))
            {
                notes.Add(ImportNote.Changed("annotation-line-refused", $"Line {number} of the annotations is not understood and left out: '{string.Join('\t', parts)}'."));
                return;
            }

            pieces.Add((start, end));
        }

        var words = parts.Length > 2 ? parts[2] : null;

        // brat writes a blank where a span crosses a line break.
        if (words is not null && pieces.Count == 1 && new CodePoints(text).Place(pieces[0].Item1, pieces[0].Item2, OffsetUnit.CodePoint) is { } place
            && text[place.Start..place.End].ReplaceLineEndings(" ") == words)
        {
            words = text[place.Start..place.End];
        }

        if (!spans.TryAdd(parts[0], new RawSpan(parts[0], pieces, words, said[0])))
            notes.Add(ImportNote.Changed("duplicate-id", $"Two annotations are called '{parts[0]}'; the first counts."));
    }

    private void Beside(string line)
    {
        others.Add(line);
        notes.Add(ImportNote.Told("annotation-kept-beside", $"Events, attributes of relations and normalisations have no place in a record; '{line}' is kept beside it."));
    }

    private static string Argument(string argument) => argument[(argument.IndexOf(':', StringComparison.Ordinal) + 1)..];
}
