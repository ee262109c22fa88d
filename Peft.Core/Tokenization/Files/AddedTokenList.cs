using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>The <c>added_tokens</c> of a pipeline, which grow: a token that the vocabulary has keeps its id, others follow behind the last one.</summary>
internal sealed class AddedTokenList
{
    private readonly JsonArray added;
    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
    private int next;

    /// <summary>Wraps a pipeline; the list is made when it is missing.</summary>
    public AddedTokenList(JsonObject pipeline)
    {
        if (pipeline["added_tokens"] is not JsonArray)
            pipeline["added_tokens"] = new JsonArray();
        added = pipeline["added_tokens"]!.AsArray();
        switch (pipeline["model"]?["vocab"])
        {
            case JsonObject vocabulary:
                foreach (var (text, id) in vocabulary)
                    Know(text, id is JsonValue value && value.TryGetValue<int>(out var number) ? number : -1);
                break;
            case JsonArray pieces: // Unigram: the place is the id
                for (var i = 0; i < pieces.Count; i++)
                    Know(pieces[i]?[0]?.ToString() ?? "", i);
                break;
        }

        for (var i = 0; i < added.Count; i++)
        {
            if (SpecialTokens.Text(added[i]) is not { } text || added[i]!["id"] is not JsonValue value || !value.TryGetValue<int>(out var id))
                continue; // the reader of the list says what is wrong with it
            ids[text] = id;
            places[text] = i;
            next = Math.Max(next, id + 1);
        }
    }

    /// <summary>Id that the next new token would get: the size of the vocabulary.</summary>
    public int Next => next;

    /// <summary>Texts of all tokens with their ids.</summary>
    public IReadOnlyDictionary<string, int> Ids => ids;

    /// <summary>Id of a token; null when there is none.</summary>
    public int? Id(string text) => ids.TryGetValue(text, out var id) ? id : null;

    /// <summary>Makes a text an added token, or changes its flags when it is one.</summary>
    public void Put(string text, bool special, JsonNode? flags = null)
    {
        if (text.Length == 0)
            return;
        if (!ids.TryGetValue(text, out var id))
            ids[text] = id = next++;
        var entry = SpecialTokens.Entry(id, text, special, flags);
        if (places.TryGetValue(text, out var place))
            added[place] = entry;
        else
            (places[text], _) = (added.Count, Append(entry));
    }

    /// <summary>Makes a text a special token unless it is an added one already.</summary>
    public void PutIfMissing(string text, JsonNode? flags = null)
    {
        if (!places.ContainsKey(text))
            Put(text, special: true, flags is JsonObject ? flags : null);
    }

    private bool Append(JsonObject entry)
    {
        added.Add((JsonNode)entry);
        return true;
    }

    private void Know(string text, int id)
    {
        ids.TryAdd(text, id);
        next = Math.Max(next, id + 1);
    }
}
