using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Tokenizers;

namespace Peft.Core.Tokenization;

/// <summary>One token of an encoded text.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Start">First UTF-16 unit of the characters it covers.</param>
/// <param name="End">One past the last UTF-16 unit; tokens that are parts of one character cover it all.</param>
public readonly record struct TokenSpan(int Id, int Start, int End);

/// <summary>
/// A base model's tokenizer, read from <c>tokenizer.json</c> and <c>tokenizer_config.json</c>: byte-level BPE with added tokens. Needs no
/// tensors. Thread-safe. Source: Hugging Face tokenizers; the merges run in Microsoft.ML.Tokenizers.
/// </summary>
public sealed class PretrainedTokenizer
{
    private readonly BpeTokenizer _bpe;
    private readonly IReadOnlyList<SplitRule> _splits;
    private readonly AddedToken[] _added;
    private readonly Dictionary<int, AddedToken> _addedById;
    private readonly Dictionary<int, byte[]> _bytes;

    private PretrainedTokenizer(TokenizerFile file, JsonObject config, string path)
    {
        _splits = file.Splits;
        _added = [.. file.Added.OrderByDescending(token => token.Content.Length)];
        _addedById = file.Added.ToDictionary(token => token.Id);
        _bytes = new Dictionary<int, byte[]>(file.Vocabulary.Count);
        foreach (var (entry, id) in file.Vocabulary)
        {
            if (_addedById.ContainsKey(id))
                continue;
            _bytes[id] = ByteLevelAlphabet.Bytes(entry)
                ?? throw new PeftException($"{path}: vocabulary entry {id} '{entry}' is not written in the byte-level alphabet.");
        }

        _bpe = BpeTokenizer.Create(new BpeOptions(file.Vocabulary) { Merges = file.Merges, ByteLevel = true });
        VocabularySize = _bytes.Keys.Concat(_addedById.Keys).Max() + 1;
        Config = config;
        BosToken = SpecialToken("bos_token");
        EosToken = SpecialToken("eos_token");
        PadToken = SpecialToken("pad_token");
    }

    /// <summary>Number of ids, added tokens included.</summary>
    public int VocabularySize { get; }

    /// <summary>The parsed <c>tokenizer_config.json</c>; empty when there is none.</summary>
    public JsonObject Config { get; }

    /// <summary>Text of the token that begins a sequence.</summary>
    public string? BosToken { get; }

    /// <summary>Text of the token that ends a sequence.</summary>
    public string? EosToken { get; }

    /// <summary>Text of the padding token.</summary>
    public string? PadToken { get; }

    /// <summary>Id of <see cref="EosToken"/>.</summary>
    public int? EosId => Id(EosToken);

    /// <summary>Id of <see cref="PadToken"/>.</summary>
    public int? PadId => Id(PadToken);

    /// <summary>Reads the tokenizer of a model folder.</summary>
    /// <exception cref="PeftException">A file is missing or asks for something this version cannot do; the message names file and field.</exception>
    public static PretrainedTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, "tokenizer.json");
        var configPath = Path.Combine(folder, "tokenizer_config.json");
        try
        {
            var config = File.Exists(configPath) ? JsonNode.Parse(File.ReadAllText(configPath)) as JsonObject : null;
            return new PretrainedTokenizer(TokenizerFile.Read(path), config ?? [], path);
        }
        catch (System.Text.Json.JsonException error)
        {
            throw new PeftException($"{configPath}, line {error.LineNumber + 1}: not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>Id of an added token or of a vocabulary entry's text; null when there is none.</summary>
    public int? Id(string? token)
    {
        if (token is null)
            return null;
        return Array.Find(_added, added => added.Content == token)?.Id ?? (_bpe.Vocabulary.TryGetValue(token, out var id) ? id : null);
    }

    /// <summary>Is this id one that people do not want to read?</summary>
    public bool IsSpecial(int id) => _addedById.TryGetValue(id, out var token) && token.Special;

    /// <summary>Ids of a text. Nothing is added; added tokens written in the text become their ids.</summary>
    public int[] Encode(string text) => [.. EncodeWithOffsets(text).Select(token => token.Id)];

    /// <summary>Ids of a text with the characters that each covers.</summary>
    public IReadOnlyList<TokenSpan> EncodeWithOffsets(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<TokenSpan>(text.Length);
        var from = 0;
        while (from < text.Length)
        {
            var (at, added) = NextAdded(text, from);
            EncodeWords(text, from, at, tokens);
            if (added is null)
                break;
            tokens.Add(new TokenSpan(added.Id, at, at + added.Content.Length));
            from = at + added.Content.Length;
        }

        return tokens;
    }

    /// <summary>The text of ids; bytes that form no character become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var decoder = new StreamingDecoder(this, skipSpecialTokens);
        var text = new StringBuilder();
        foreach (var id in ids)
            text.Append(decoder.Add(id));
        return text.Append(decoder.Finish()).ToString();
    }

    /// <summary>The bytes that an ordinary token stands for; null for added tokens and unused ids.</summary>
    internal byte[]? Bytes(int id) => _bytes.GetValueOrDefault(id);

    /// <summary>The text of an added token; null for ordinary ids.</summary>
    internal string? AddedText(int id) => _addedById.GetValueOrDefault(id)?.Content;

    private (int At, AddedToken? Token) NextAdded(string text, int from)
    {
        var (best, token) = (text.Length, (AddedToken?)null);
        foreach (var added in _added)
        {
            var at = text.IndexOf(added.Content, from, StringComparison.Ordinal);
            if (at >= 0 && at < best)
                (best, token) = (at, added);
        }

        return (best, token);
    }

    private void EncodeWords(string text, int start, int end, List<TokenSpan> tokens)
    {
        if (start >= end)
            return;
        IEnumerable<(int Start, int End)> words = [(start, end)];
        foreach (var split in _splits)
            words = words.SelectMany(word => split.Split(text[word.Start..word.End]).Select(part => (word.Start + part.Start, word.Start + part.End)));
        foreach (var (from, to) in words)
            EncodeWord(text, from, to, tokens);
    }

    private void EncodeWord(string text, int start, int end, List<TokenSpan> tokens)
    {
        var word = text.AsSpan(start, end - start);
        var ids = _bpe.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false);
        var charOfByte = CharOfByte(word);
        var at = 0;
        foreach (var id in ids)
        {
            var length = _bytes.TryGetValue(id, out var bytes) ? bytes.Length : throw new PeftException($"The tokenizer produced id {id}, which its vocabulary does not define.");
            var first = charOfByte[at];
            var last = charOfByte[at + length - 1];
            tokens.Add(new TokenSpan(id, start + first.Start, start + last.End));
            at += length;
        }
    }

    private static (int Start, int End)[] CharOfByte(ReadOnlySpan<char> word)
    {
        var map = new List<(int, int)>(word.Length * 3);
        for (var i = 0; i < word.Length;)
        {
            var status = Rune.DecodeFromUtf16(word[i..], out var rune, out var used);
            var count = status == System.Buffers.OperationStatus.Done ? rune.Utf8SequenceLength : 3;
            for (var b = 0; b < count; b++)
                map.Add((i, i + used));
            i += used;
        }

        return [.. map];
    }

    private string? SpecialToken(string name) => Config[name] switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonObject token => token["content"]?.GetValue<string>(),
        _ => null,
    };
}
