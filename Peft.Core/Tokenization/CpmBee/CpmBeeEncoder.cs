using System.Text.Json.Nodes;
using Peft.Core.Models.Decoders;

namespace Peft.Core.Tokenization.CpmBee;

/// <summary>A sample as CPM-Bee reads it.</summary>
/// <param name="Row">Its tokens.</param>
/// <param name="Answers">Segments that are to be written, in order.</param>
public sealed record CpmBeeSample(CpmBeeRow Row, IReadOnlyList<int> Answers);

/// <summary>
/// Makes tokens of a JSON sample: an object of texts and objects, in which what stands under <c>&lt;ans&gt;</c> is to be written. Keys and texts
/// become segments of a tree; how two segments are related is how far one climbs and descends between them.
/// </summary>
public sealed class CpmBeeEncoder
{
    private const string AnswerKey = "<ans>";

    /// <summary>Climbs and descents from here on count alike.</summary>
    private const int MaxDepth = 8;

    private readonly CpmBeeVocabulary vocabulary;

    /// <summary>An encoder for one vocabulary.</summary>
    public CpmBeeEncoder(CpmBeeVocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        this.vocabulary = vocabulary;
    }

    /// <summary>The tokens of a sample with its answers, for training.</summary>
    /// <exception cref="PeftException">A value that is neither text nor object, or a special token of no known group.</exception>
    public CpmBeeSample Encode(JsonObject sample) => Encode(sample, withAnswers: true);

    /// <summary>The tokens of a sample without its answers, for writing them.</summary>
    /// <exception cref="PeftException">As <see cref="Encode(JsonObject)"/>.</exception>
    public CpmBeeSample EncodeQuestion(JsonObject sample) => Encode(sample, withAnswers: false);

    /// <summary>
    /// What each token has to predict: the token behind it, where it belongs to an answer; the end where a segment begins behind it. −100 for
    /// the rest; V + e for entry e of the table of numbered tokens.
    /// </summary>
    /// <param name="row">Tokens of a sample, with answers.</param>
    /// <param name="table">The batch's numbered tokens; see <see cref="Table"/>.</param>
    public long[] Labels(CpmBeeRow row, IReadOnlyList<CpmBeeNumbered> table)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(table);
        var labels = new long[row.Places.Count];
        for (var t = 0; t < labels.Length; t++)
        {
            var next = t + 1 < labels.Length && row.Places[t + 1].IsReal ? row.Places[t + 1] : default(CpmBeePlace?);
            labels[t] = row.Places[t].IsGiven || !row.Places[t].IsReal ? -100
                : next is not { } following || following.Id == CpmBeeVocabularyIds.Start ? CpmBeeVocabularyIds.End
                : following.Sub == 0 ? following.Id
                : vocabulary.Count + table.ToList().IndexOf(new CpmBeeNumbered(following.Id, following.Sub));
        }

        return labels;
    }

    /// <summary>The numbered tokens of a batch by first occurrence; a batch without one gets a single entry, since the output has at least one.</summary>
    public static IReadOnlyList<CpmBeeNumbered> Table(IEnumerable<CpmBeeRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var found = rows.SelectMany(row => row.Places).Where(place => place.Sub > 0).Select(place => new CpmBeeNumbered(place.Id, place.Sub)).Distinct().ToList();
        return found.Count > 0 ? found : [new CpmBeeNumbered(CpmBeeVocabularyIds.Pad, 1)];
    }

    private CpmBeeSample Encode(JsonObject sample, bool withAnswers)
    {
        ArgumentNullException.ThrowIfNull(sample);
        var segments = new List<Segment> { new("<root>", -1, 0, IsAnswer: false) };
        Walk(sample, 0, 1, answers: false, segments);
        var numbers = new Numbers(vocabulary);
        var places = new List<CpmBeePlace>();
        for (var s = 0; s < segments.Count; s++)
        {
            var segment = segments[s];
            if (segment.IsAnswer && !withAnswers)
                continue;
            var ids = numbers.Of(segment.Text).Prepend(new CpmBeeNumbered(CpmBeeVocabularyIds.Start, 0));
            if (!segment.IsAnswer)
                ids = ids.Append(new CpmBeeNumbered(CpmBeeVocabularyIds.End, 0));
            places.AddRange(ids.Select((token, i) => new CpmBeePlace
            {
                Id = token.Id,
                Sub = token.Sub,
                IsReal = true,
                IsGiven = !segment.IsAnswer,
                Segment = s,
                Segments = segments.Count,
                Position = places.Count + i,
            }).ToList());
        }

        var answers = Enumerable.Range(0, segments.Count).Where(s => segments[s].IsAnswer).ToList();
        return new CpmBeeSample(new CpmBeeRow(places, Relations(segments)), answers);
    }

    private static void Walk(JsonObject node, int parent, int depth, bool answers, List<Segment> segments)
    {
        foreach (var (key, value) in node)
        {
            var own = segments.Count;
            segments.Add(new Segment(key, parent, depth, IsAnswer: false));
            var below = answers || (depth == 1 && key == AnswerKey);
            if (value is JsonObject nested)
                Walk(nested, own, depth + 1, below, segments);
            else if (value is JsonValue leaf && leaf.TryGetValue<string>(out var text))
                segments.Add(new Segment(text, own, depth + 1, below));
            else
                throw new PeftException($"The value of '{key}' in a CPM-Bee sample is neither a text nor an object.");
        }
    }

    private static List<long> Relations(List<Segment> segments)
    {
        var relations = new List<long>(segments.Count * segments.Count);
        for (var a = 0; a < segments.Count; a++)
        {
            for (var b = 0; b < segments.Count; b++)
            {
                var (up, down, from, to) = (0, 0, a, b);
                while (from != to)
                {
                    if (segments[from].Depth >= segments[to].Depth)
                        (up, from) = (up + 1, segments[from].Parent);
                    else
                        (down, to) = (down + 1, segments[to].Parent);
                }

                var bucket = (Math.Min(up, MaxDepth - 1) * MaxDepth) + Math.Min(down, MaxDepth - 1);
                relations.Add(bucket == 0 ? 0 : bucket + 1);
            }
        }

        return relations;
    }

    private sealed record Segment(string Text, int Parent, int Depth, bool IsAnswer);

    /// <summary>Ids of texts; special and unknown tokens are numbered within their group by first occurrence in the sample.</summary>
    private sealed class Numbers(CpmBeeVocabulary vocabulary)
    {
        private readonly Dictionary<string, CpmBeeNumbered> known = new(StringComparer.Ordinal);
        private readonly Dictionary<long, long> next = [];

        public IEnumerable<CpmBeeNumbered> Of(string text) =>
            [.. vocabulary.Pieces(text).Select(piece => piece.Id is { } id ? new CpmBeeNumbered(id, 0) : Numbered(piece))];

        private CpmBeeNumbered Numbered(CpmBeePiece piece)
        {
            if (known.TryGetValue(piece.Text, out var met))
                return met;
            long group = piece.IsSpecial ? Group(piece.Text) : CpmBeeVocabularyIds.Unknown;
            var number = next.GetValueOrDefault(group);
            next[group] = number + 1;
            return known[piece.Text] = new CpmBeeNumbered(group, number);
        }

        private int Group(string token)
        {
            var end = token.IndexOf('_', StringComparison.Ordinal);
            var name = end < 0 ? token : token[..end] + ">";
            return vocabulary.Id(name) ?? throw new PeftException($"The special token '{token}' belongs to no group: the vocabulary has no '{name}'.");
        }
    }
}
