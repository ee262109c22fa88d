using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>Steps in the form of tokenizer.json, for vocabularies that come in older forms.</summary>
internal static class Pipelines
{
    /// <summary>A step without fields.</summary>
    public static JsonObject Step(string type) => new() { ["type"] = type };

    /// <summary>Steps one after the other; absent ones are left out.</summary>
    public static JsonObject Sequence(string field, params ReadOnlySpan<JsonNode?> steps)
    {
        var list = new JsonArray();
        foreach (var step in steps)
        {
            if (step is not null)
                list.Add(step);
        }

        return new JsonObject { ["type"] = "Sequence", [field] = list };
    }

    /// <summary>Replaces a text.</summary>
    public static JsonObject Replace(string from, string to, string how = "String") =>
        new() { ["type"] = "Replace", ["pattern"] = new JsonObject { [how] = from }, ["content"] = to };

    /// <summary>Cuts at an expression.</summary>
    public static JsonObject Split(string expression, string how = "Regex", string behavior = "Isolated") =>
        new() { ["type"] = "Split", ["pattern"] = new JsonObject { [how] = expression }, ["behavior"] = behavior, ["invert"] = false };

    /// <summary>Bytes as characters.</summary>
    public static JsonObject ByteLevel(bool prefixSpace, bool cuts, bool trims = true) =>
        new() { ["type"] = "ByteLevel", ["add_prefix_space"] = prefixSpace, ["trim_offsets"] = trims, ["use_regex"] = cuts };

    /// <summary>A special token in a template.</summary>
    public static JsonObject Special(string token, int type) => new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = type } };

    /// <summary>A text in a template.</summary>
    public static JsonObject Sequence(string which, int type) => new() { ["Sequence"] = new JsonObject { ["id"] = which, ["type_id"] = type } };

    /// <summary>A template written as names: <c>A</c> and <c>B</c> are texts, a number behind a colon is the type.</summary>
    /// <param name="single">Around one text, e.g. <c>[CLS] A [SEP]</c>.</param>
    /// <param name="pair">Around two.</param>
    /// <param name="id">Ids of the special tokens; a token without one is an error.</param>
    public static JsonObject Template(string single, string pair, Func<string, int> id)
    {
        var special = new JsonObject();
        JsonArray Parts(string template)
        {
            var parts = new JsonArray();
            foreach (var part in template.Split(' '))
            {
                var (name, type) = part.EndsWith(":1", StringComparison.Ordinal) ? (part[..^2], 1) : (part, 0);
                if (name is "A" or "B")
                {
                    parts.Add((JsonNode)Sequence(name, type));
                    continue;
                }

                parts.Add((JsonNode)Special(name, type));
                special[name] = new JsonObject { ["id"] = name, ["ids"] = new JsonArray(id(name)), ["tokens"] = new JsonArray(name) };
            }

            return parts;
        }

        return new JsonObject { ["type"] = "TemplateProcessing", ["single"] = Parts(single), ["pair"] = Parts(pair), ["special_tokens"] = special };
    }

    /// <summary>
    /// All ways to make a piece out of two others, in the order in which they are joined: better scores first, of equal ones those whose
    /// left part is longer. Source: transformers, generate_merges.
    /// </summary>
    /// <param name="pieces">Pieces with their scores.</param>
    /// <param name="ids">Ids of all pieces.</param>
    public static JsonArray Merges(IEnumerable<(string Text, double Score)> pieces, IReadOnlyDictionary<string, int> ids)
    {
        var merges = new List<(string Left, string Right, double Score)>();
        foreach (var (text, score) in pieces)
        {
            var from = merges.Count;
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (!char.IsLowSurrogate(text[cut]) && ids.ContainsKey(text[..cut]) && ids.ContainsKey(text[cut..]))
                    merges.Add((text[..cut], text[cut..], score));
            }

            merges.Sort(from, merges.Count - from, Comparer<(string Left, string Right, double Score)>.Create((a, b) =>
                (ids[a.Left], ids[a.Right]).CompareTo((ids[b.Left], ids[b.Right]))));
        }

        return new JsonArray([.. merges.OrderByDescending(merge => merge.Score).ThenByDescending(merge => merge.Left.Length).ThenByDescending(merge => merge.Right.Length)
            .Select(merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]);
    }
}
