using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>What is put around the tokens of one text, and whether spaces are left out of what tokens cover: <c>post_processor</c>.</summary>
internal sealed class PostProcessor
{
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

    /// <summary>Reads the node.</summary>
    /// <exception cref="PeftException">A type that is not known.</exception>
    public static PostProcessor Read(JsonNode? node, PipelineJson json)
    {
        var made = new PostProcessor();
        if (node is not null)
            made.Take(node, json);
        return made;
    }

    private void Take(JsonNode node, PipelineJson json)
    {
        switch (json.Type(node))
        {
            case "Sequence":
                foreach (var step in json.List(node, "processors"))
                    Take(step!, json);
                break;
            case "ByteLevel":
                TrimsOffsets |= json.Flag(node, "trim_offsets", true);
                PrefixSpace = json.Flag(node, "add_prefix_space", true);
                break;
            case "TemplateProcessing":
                TakeTemplate(node, json);
                break;
            case "BertProcessing":
                front.Add(Pair(node, "cls", json));
                behind.Add(Pair(node, "sep", json));
                (PairFront, PairMiddle, PairBehind, SecondSegment) = (front, behind, behind, 1);
                break;
            case "RobertaProcessing":
                front.Add(Pair(node, "cls", json));
                behind.Add(Pair(node, "sep", json));
                (PairFront, PairMiddle, PairBehind) = (front, [.. behind, .. behind], behind);
                TrimsOffsets |= json.Flag(node, "trim_offsets", true);
                PrefixSpace = json.Flag(node, "add_prefix_space", true);
                break;
            default:
                throw json.Unknown("post_processor", json.Type(node), "Sequence, ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing");
        }
    }

    private void TakeTemplate(JsonNode node, PipelineJson json)
    {
        var single = Parts(node, "single", json);
        front.AddRange(single[0]);
        behind.AddRange(single.Count > 1 ? single[1] : []);
        if (node["pair"] is not JsonArray pair)
            return;
        var parts = Parts(node, "pair", json);
        if (parts.Count != 3)
            return; // a template that says nothing of a second text
        (PairFront, PairMiddle, PairBehind) = (parts[0], parts[1], parts[2]);
        SecondSegment = pair.Select(part => part?["Sequence"]).Last(part => part is not null)!["type_id"]?.GetValue<int>() ?? 0;
    }

    /// <summary>The special ids of a template, cut where texts stand.</summary>
    private static List<List<int>> Parts(JsonNode node, string field, PipelineJson json)
    {
        var parts = new List<List<int>> { new() };
        foreach (var part in json.List(node, field))
        {
            if (part?["Sequence"] is not null)
            {
                parts.Add([]);
                continue;
            }

            var name = json.Text(part?["SpecialToken"], "id") ?? throw json.Unusable($"a part of the template in 'post_processor.{field}' is neither Sequence nor SpecialToken.");
            foreach (var id in json.List(node["special_tokens"]?[name], "ids"))
                parts[^1].Add(id!.GetValue<int>());
        }

        return parts;
    }

    private static int Pair(JsonNode node, string field, PipelineJson json) =>
        node[field] is JsonArray { Count: 2 } pair && pair[1] is JsonValue value && value.TryGetValue<int>(out var id)
            ? id
            : throw json.Unusable($"field 'post_processor.{field}' should be a token with its id.");
}
