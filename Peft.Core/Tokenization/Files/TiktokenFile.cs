using System.Globalization;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>
/// tiktoken's files: a byte string in base64 and its rank a line. Two tokens are joined when what they make has a rank, the lowest first; a
/// word that has a rank itself is taken whole. https://github.com/openai/tiktoken
/// </summary>
internal static class TiktokenFile
{
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Behind = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Llama3 = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + Behind;
    private const string Qwen = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + Behind;

    /// <summary>Whether a file of this name holds ranks rather than a SentencePiece model.</summary>
    public static bool IsOne(string path)
    {
        using var reader = new StreamReader(path);
        Span<char> head = stackalloc char[256];
        var line = head[..reader.ReadBlock(head)];
        var end = line.IndexOf('\n');
        return end > 0 && TryParse(line[..end].ToString(), out _, out _);
    }

    /// <summary>The steps of such a tokenizer. The file holds no expression: Qwen's is known by its class, the others cut as Llama 3 does.</summary>
    /// <exception cref="PeftException">A line that is no byte string with a rank.</exception>
    public static JsonObject Pipeline(string path, JsonObject config)
    {
        var ranks = new List<(string Text, int Rank)>();
        foreach (var (line, i) in File.ReadLines(path).Select((line, i) => (line, i)))
        {
            if (line.Length == 0)
                continue;
            if (!TryParse(line, out var bytes, out var rank))
                throw new PeftException($"{path}, line {i + 1}: no byte string in base64 with a rank.");
            ranks.Add((string.Concat(bytes.Select(ByteLevelAlphabet.Character)), rank));
        }

        var ids = ranks.ToDictionary(entry => entry.Text, entry => entry.Rank, StringComparer.Ordinal);
        var qwen = TokenizerClass.Name(config).StartsWith("Qwen", StringComparison.OrdinalIgnoreCase)
            || Path.GetFileName(path).StartsWith("qwen", StringComparison.OrdinalIgnoreCase);
        return new JsonObject
        {
            ["normalizer"] = qwen ? Pipelines.Step("NFC") : null,
            ["pre_tokenizer"] = Pipelines.Sequence("pretokenizers", Pipelines.Split(qwen ? Qwen : Llama3), Pipelines.ByteLevel(false, cuts: false)),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["ignore_merges"] = true,
                ["vocab"] = new JsonObject(ranks.Select(entry => new KeyValuePair<string, JsonNode?>(entry.Text, entry.Rank))),
                ["merges"] = Pipelines.Merges(ranks.Select(entry => (entry.Text, -(double)entry.Rank)), ids),
            },
            ["post_processor"] = Pipelines.ByteLevel(true, true, trims: false),
            ["decoder"] = Pipelines.ByteLevel(true, true),
        };
    }

    private static bool TryParse(string line, out byte[] bytes, out int rank)
    {
        var parts = line.TrimEnd('\r').Split(' ');
        (bytes, rank) = ([], 0);
        if (parts.Length != 2 || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out rank) || parts[0].Length % 4 != 0)
            return false;
        bytes = new byte[parts[0].Length / 4 * 3];
        if (!Convert.TryFromBase64String(parts[0], bytes, out var count) || count == 0)
            return false;
        bytes = bytes[..count];
        return true;
    }
}
