using System.Text.Json.Nodes;
using Peft.Core.Serialization.Gguf;
using Peft.Core.Tokenization.Gguf;
using Peft.Core.Tokenization.Pipeline;

namespace Peft.Core.Tokenization;

/// <summary>One token of an encoded text.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Start">First UTF-16 unit of the characters it covers.</param>
/// <param name="End">One past the last UTF-16 unit; tokens that are parts of one character cover it all.</param>
public readonly record struct TokenSpan(int Id, int Start, int End);

/// <summary>
/// A base model's tokenizer, read from <c>tokenizer.json</c> and <c>tokenizer_config.json</c>: added tokens, normalizer, pre-tokenizer, model
/// (BPE, WordPiece, Unigram or whole words), post-processor and decoder. Needs no tensors. Thread-safe. Source: Hugging Face tokenizers.
/// </summary>
public sealed class PretrainedTokenizer
{
    private readonly TokenizerFile _file;
    private readonly AddedTokenMatcher _raw;
    private readonly AddedTokenMatcher _normalized;
    private readonly Dictionary<int, AddedToken> _addedById;
    private readonly Dictionary<string, int> _addedByText;
    private readonly Dictionary<int, string> _texts;

    private PretrainedTokenizer(TokenizerFile file, JsonObject config)
    {
        _file = file;
        _raw = new AddedTokenMatcher(file.Added.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _normalized = new AddedTokenMatcher(
            file.Added.Where(token => token.Normalized).Select(token => (file.Normalizer(AlignedText.Of(token.Content, 0, token.Content.Length)).Text, token)));
        _addedById = file.Added.GroupBy(token => token.Id).ToDictionary(group => group.Key, group => group.Last());
        _addedByText = file.Added.GroupBy(token => token.Content).ToDictionary(group => group.Key, group => group.Last().Id, StringComparer.Ordinal);
        _texts = new Dictionary<int, string>(file.Model.Vocabulary.Count + file.Added.Count);
        foreach (var (entry, id) in file.Model.Vocabulary)
            _texts[id] = entry;
        foreach (var token in file.Added)
            _texts[token.Id] = token.Content;
        VocabularySize = _texts.Count == 0 ? 0 : _texts.Keys.Max() + 1;
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

    /// <summary>Ids that the post-processor puts in front of a text.</summary>
    public IReadOnlyList<int> Front => _file.PostProcessor.Front;

    /// <summary>Ids that the post-processor puts behind a text.</summary>
    public IReadOnlyList<int> Behind => _file.PostProcessor.Behind;

    /// <summary>Ids in front of, between and behind a pair of texts. Where the file says nothing of pairs, the second text follows the first.</summary>
    public (IReadOnlyList<int> Front, IReadOnlyList<int> Middle, IReadOnlyList<int> Behind) Pair =>
        _file.PostProcessor.PairFront is { } front ? (front, _file.PostProcessor.PairMiddle, _file.PostProcessor.PairBehind) : (Front, Behind, Behind);

    /// <summary>Which text the second text's tokens are said to belong to: 1 where texts are told apart by number, otherwise 0.</summary>
    public int SecondSegment => _file.PostProcessor.SecondSegment;

    /// <summary>Reads the tokenizer of a model folder, or the one inside a GGUF file.</summary>
    /// <exception cref="PeftException">A file is missing or asks for something this version cannot do; the message names file and field.</exception>
    public static PretrainedTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (GgufHeader.Find(folder) is { } gguf)
        {
            var (file, settings) = GgufTokenizer.Read(GgufHeader.Read(gguf));
            return new PretrainedTokenizer(file, settings);
        }

        var configPath = Path.Combine(folder, "tokenizer_config.json");
        try
        {
            var config = File.Exists(configPath) ? JsonNode.Parse(File.ReadAllText(configPath)) as JsonObject : null;
            return new PretrainedTokenizer(TokenizerFile.Read(Path.Combine(folder, "tokenizer.json")), config ?? []);
        }
        catch (System.Text.Json.JsonException error)
        {
            throw new PeftException($"{configPath}, line {error.LineNumber + 1}: not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>Id of an added token or of a vocabulary entry's text; null when there is none.</summary>
    public int? Id(string? token) => token is null ? null
        : _addedByText.TryGetValue(token, out var added) ? added
        : _file.Model.Vocabulary.TryGetValue(token, out var id) ? id
        : null;

    /// <summary>Text of an id as the vocabulary writes it; null when there is none.</summary>
    public string? Text(int id) => _texts.GetValueOrDefault(id);

    /// <summary>Is this id one that people do not want to read?</summary>
    public bool IsSpecial(int id) => _addedById.TryGetValue(id, out var token) && token.Special;

    /// <summary>Ids of a text. Added tokens written in the text become their ids.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether to put around it what the post-processor says.</param>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        var ids = EncodeWithOffsets(text).Select(token => token.Id);
        return addSpecialTokens ? [.. _file.PostProcessor.Front, .. ids, .. _file.PostProcessor.Behind] : [.. ids];
    }

    /// <summary>Ids of a text with the characters that each covers. Nothing is put around it.</summary>
    public IReadOnlyList<TokenSpan> EncodeWithOffsets(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<TokenSpan>(text.Length);
        foreach (var (start, end, added) in _raw.Split(text))
        {
            if (added is not null)
                tokens.Add(new TokenSpan(added.Id, start, end));
            else
                EncodePlain(_file.Normalizer(AlignedText.Of(text, start, end)), tokens);
        }

        return _file.PostProcessor.TrimsOffsets ? [.. tokens.Select((token, i) => Trimmed(token, i))] : tokens;
    }

    /// <summary>The text of ids; bytes that form no character become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var tokens = ids.Where(id => !(skipSpecialTokens && IsSpecial(id))).Select(id => _texts.GetValueOrDefault(id)).OfType<string>().ToList();
        return string.Concat(_file.Decoder(tokens));
    }

    private void EncodePlain(AlignedText text, List<TokenSpan> tokens)
    {
        foreach (var (start, end, added) in _normalized.Split(text.Text))
        {
            var part = text.Slice(start, end);
            if (added is not null)
            {
                var (from, to) = part.Origin(0, part.Text.Length);
                tokens.Add(new TokenSpan(added.Id, from, to));
                continue;
            }

            foreach (var word in _file.PreTokenizer(part))
            {
                foreach (var token in _file.Model.Tokens(word.Text))
                {
                    var (from, to) = word.Origin(token.Start, token.End);
                    tokens.Add(new TokenSpan(token.Id, from, to));
                }
            }
        }
    }

    /// <summary>Leaves spaces out of what a byte-level token covers.</summary>
    private TokenSpan Trimmed(TokenSpan token, int index)
    {
        var text = _texts.GetValueOrDefault(token.Id) ?? "";
        var leading = text.TakeWhile(IsSpace).Count();
        var trailing = text.Reverse().TakeWhile(IsSpace).Count();
        if (leading == 1 && (index == 0 || token.Start == 0) && _file.PostProcessor.PrefixSpace)
            leading = 0; // it was put there; several were not
        var start = Math.Min(token.Start + leading, token.End);
        var end = trailing > 0 && token.End >= trailing ? Math.Max(token.End - trailing, start) : token.End;
        return token with { Start = start, End = end };
    }

    private static bool IsSpace(char unit) => unit == 'Ġ' || char.IsWhiteSpace(unit);

    private string? SpecialToken(string name) => Config[name] switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonObject token => token["content"]?.GetValue<string>(),
        _ => null,
    };
}
