using System.Text.Json.Nodes;
using Peft.Core.Tokenization.Batches;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>What is put around the tokens of one text or of a pair, and whether spaces are left out of what tokens cover: <c>post_processor</c>.</summary>
internal sealed class PostProcessor
{
    /// <summary>A step: pieces of the row in, pieces out; the flag says whether special tokens are wanted.</summary>
    private delegate List<TokenRow> Step(List<TokenRow> rows, bool special);

    private readonly List<Step> steps = [];
    private readonly List<int> front = [];
    private readonly List<int> behind = [];

    /// <summary>Ids in front of the text.</summary>
    public IReadOnlyList<int> Front => front;

    /// <summary>Ids behind the text.</summary>
    public IReadOnlyList<int> Behind => behind;

    /// <summary>Ids in front of a pair of texts; null when the file says nothing of pairs.</summary>
    public IReadOnlyList<int>? PairFront { get; private set; }

    /// <summary>Ids between the texts of a pair.</summary>
    public IReadOnlyList<int> PairMiddle { get; private set; } = [];

    /// <summary>Ids behind a pair.</summary>
    public IReadOnlyList<int> PairBehind { get; private set; } = [];

    /// <summary>Which text the tokens of the second text are said to belong to, 0 or 1.</summary>
    public int SecondSegment { get; private set; }

    /// <summary>Whether byte-level tokens cover their spaces not.</summary>
    public bool TrimsOffsets { get; private set; }

    /// <summary>Whether the space in front of the first word was put there by the pre-tokenizer.</summary>
    public bool PrefixSpace { get; private set; }

    /// <summary>How many tokens are put around one text.</summary>
    public int SingleCount { get; private set; }

    /// <summary>How many tokens are put around two texts.</summary>
    public int PairCount { get; private set; }

    /// <summary>Reads the node.</summary>
    /// <exception cref="PeftException">A type that is not known.</exception>
    public static PostProcessor Read(JsonNode? node, PipelineJson json)
    {
        var made = new PostProcessor();
        if (node is not null)
            made.Take(node, json);
        return made;
    }

    /// <summary>One row of one or two texts. Tokens know their text already; types and surroundings come from here.</summary>
    public TokenRow Process(TokenRow first, TokenRow? second, bool special)
    {
        List<TokenRow> rows = second is null ? [first] : [first, second];
        rows = steps.Aggregate(rows, (now, step) => step(now, special));
        return rows.Aggregate(TokenRow.Join);
    }

    /// <summary>Leaves spaces out of what a byte-level token covers. A space that was put in front may stand for a character beyond the basic plane.</summary>
    /// <param name="token">The token's text.</param>
    /// <param name="source">The text that it stands in.</param>
    /// <param name="start">First UTF-16 unit that it covers.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="first">Whether it may begin with a space that was put in front.</param>
    /// <param name="prefixSpace">Whether spaces are put in front.</param>
    public static (int Start, int End) Trimmed(string token, string source, int start, int end, bool first, bool prefixSpace)
    {
        var leading = token.TakeWhile(IsSpace).Count();
        var trailing = token.Reverse().TakeWhile(IsSpace).Count();
        if (leading == 1 && first && prefixSpace)
            leading = 0; // it was put there; several were not
        for (var i = 0; i < leading && start < end; i++)
            start += start + 1 < source.Length && char.IsHighSurrogate(source[start]) ? 2 : 1;
        for (var i = 0; i < trailing && end > start; i++)
            end -= end >= 2 && char.IsLowSurrogate(source[end - 1]) ? 2 : 1;
        return (Math.Min(start, end), Math.Max(end, start));
    }

    private static bool IsSpace(char unit) => unit == 'Ġ' || char.IsWhiteSpace(unit);

    private void Take(JsonNode node, PipelineJson json)
    {
        switch (json.Type(node))
        {
            case "Sequence":
                foreach (var step in json.List(node, "processors"))
                    Take(step!, json);
                break;
            case "ByteLevel":
                TakeTrim(node, json);
                break;
            case "TemplateProcessing":
                TakeTemplate(node, json);
                break;
            case "BertProcessing":
                TakeClassic(node, json, twice: false, secondType: 1);
                break;
            case "RobertaProcessing":
                TakeTrim(node, json);
                steps.Add((rows, _) => [.. rows.Select(row => row.Map((token, _) => token with { Type = 0 }))]);
                TakeClassic(node, json, twice: true, secondType: 0);
                break;
            default:
                throw json.Unknown("post_processor", json.Type(node), "Sequence, ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing");
        }
    }

    private void TakeTrim(JsonNode node, PipelineJson json)
    {
        var trims = json.Flag(node, "trim_offsets", true);
        var prefix = json.Flag(node, "add_prefix_space", true);
        TrimsOffsets |= trims;
        PrefixSpace = prefix;
        if (trims)
        {
            steps.Add((rows, _) => [.. rows.Select(row => row.Map((token, i) =>
            {
                var (start, end) = Trimmed(token.Text, token.Source ?? "", token.Start, token.End, i == 0 || token.Start == 0, prefix);
                return token with { Start = start, End = end };
            }))]);
        }
    }

    /// <summary>cls A sep, and cls A sep (sep) B sep.</summary>
    private void TakeClassic(JsonNode node, PipelineJson json, bool twice, int secondType)
    {
        var (cls, sep) = (Pair(node, "cls", json), Pair(node, "sep", json));
        front.Add(cls.Id);
        behind.Add(sep.Id);
        (PairFront, PairMiddle, PairBehind, SecondSegment) = (front, twice ? [sep.Id, sep.Id] : [sep.Id], behind, secondType);
        (SingleCount, PairCount) = (SingleCount + 2, PairCount + (twice ? 4 : 3));
        TokenRow Special((string Text, int Id) token, int type) => TokenRow.Of([Put(token.Id, token.Text, type)]);
        steps.Add((rows, special) =>
        {
            if (!special)
                return rows;
            List<TokenRow> made = [Special(cls, 0), rows[0].Map((token, _) => token with { Type = 0 }), Special(sep, 0)];
            if (rows.Count > 1)
            {
                if (twice)
                    made.Add(Special(sep, secondType));
                made.Add(rows[1].Map((token, _) => token with { Type = secondType }));
                made.Add(Special(sep, secondType));
            }

            return made;
        });
    }

    private void TakeTemplate(JsonNode node, PipelineJson json)
    {
        var single = Parts(node, "single", json);
        var pair = Parts(node, "pair", json);
        var ids = Cut(single);
        front.AddRange(ids[0]);
        behind.AddRange(ids.Count > 1 ? ids[1] : []);
        SingleCount += single.Sum(part => part.Special.Count);
        PairCount += pair.Sum(part => part.Special.Count);
        if (Cut(pair) is { Count: 3 } three) // otherwise the template says nothing of a second text
        {
            (PairFront, PairMiddle, PairBehind) = (three[0], three[1], three[2]);
            SecondSegment = pair.Last(part => part.Sequence is not null).Type;
        }

        steps.Add((rows, special) =>
        {
            var template = rows.Count > 1 ? pair : single;
            var made = new List<TokenRow>();
            foreach (var part in template)
            {
                if (part.Sequence is { } which)
                {
                    // Only the row itself takes the template's type, what was cut off keeps the number of its text.
                    var row = rows[which];
                    made.Add(new TokenRow([.. row.Tokens.Select(token => token with { Type = part.Type })], row.Overflowing));
                }
                else if (special)
                {
                    made.Add(TokenRow.Of([.. part.Special.Select(token => Put(token.Id, token.Text, part.Type))]));
                }
            }

            return made.Count == 0 ? [TokenRow.Of([])] : made;
        });
    }

    private static RowToken Put(int id, string text, int type) => new(id, text, type, 0, 0, null, null, IsAdded: true, IsAttended: true);

    /// <summary>The special ids of a template, cut where texts stand.</summary>
    private static List<List<int>> Cut(List<Part> parts)
    {
        var cut = new List<List<int>> { new() };
        foreach (var part in parts)
        {
            if (part.Sequence is not null)
                cut.Add([]);
            else
                cut[^1].AddRange(part.Special.Select(token => token.Id));
        }

        return cut;
    }

    private static List<Part> Parts(JsonNode node, string field, PipelineJson json)
    {
        var parts = new List<Part>();
        foreach (var part in json.List(node, field))
        {
            if (part?["Sequence"] is { } sequence)
            {
                parts.Add(new Part(json.Text(sequence, "id") == "B" ? 1 : 0, [], json.Whole(sequence, "type_id") ?? 0));
                continue;
            }

            var special = part?["SpecialToken"];
            var name = json.Text(special, "id") ?? throw json.Unusable($"a part of the template in 'post_processor.{field}' is neither Sequence nor SpecialToken.");
            var known = node["special_tokens"]?[name];
            var texts = json.List(known, "tokens").Select(text => text!.GetValue<string>()).ToArray();
            parts.Add(new Part(
                null, [.. json.List(known, "ids").Select((id, i) => (i < texts.Length ? texts[i] : name, id!.GetValue<int>()))], json.Whole(special, "type_id") ?? 0));
        }

        return parts;
    }

    private static (string Text, int Id) Pair(JsonNode node, string field, PipelineJson json) =>
        node[field] is JsonArray { Count: 2 } pair && pair[1] is JsonValue value && value.TryGetValue<int>(out var id)
            ? (pair[0]!.ToString(), id)
            : throw json.Unusable($"field 'post_processor.{field}' should be a token with its id.");

    /// <summary>A part of a template: a text by its number, or special tokens.</summary>
    private sealed record Part(int? Sequence, IReadOnlyList<(string Text, int Id)> Special, int Type);
}
