using System.Text.Json.Nodes;
using Peft.Core.Serialization.Gguf;
using Peft.Core.Tokenization.Batches;
using Peft.Core.Tokenization.Files;
using Peft.Core.Tokenization.Gguf;
using Peft.Core.Tokenization.Pipeline;

namespace Peft.Core.Tokenization;

/// <summary>One token of an encoded text.</summary>
/// <param name="Id">Its id in the vocabulary.</param>
/// <param name="Start">First UTF-16 unit of the characters it covers.</param>
/// <param name="End">One past the last UTF-16 unit; tokens that are parts of one character cover it all.</param>
public readonly record struct TokenSpan(int Id, int Start, int End);

/// <summary>
/// A base model's tokenizer, read from <c>tokenizer.json</c> (or the older files) and <c>tokenizer_config.json</c>: added tokens, normalizer, pre-tokenizer, model
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

    private PretrainedTokenizer(TokenizerFile file, JsonObject config, bool needsSpaces)
    {
        NeedsSpacesBetweenWords = needsSpaces;
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

    /// <summary>Number of different tokens, added ones included; less than <see cref="VocabularySize"/> where ids are left out.</summary>
    public int TokenCount => _texts.Count;

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

    /// <summary>Whether the model's authors want spaces in front of punctuation and contractions taken out of decoded text.</summary>
    public bool CleansUp => Config["clean_up_tokenization_spaces"] is JsonValue value && value.TryGetValue<bool>(out var cleans) && cleans;

    /// <summary>Whether padding goes in front of a text.</summary>
    public bool PadsLeft => Side("padding_side") is { } side ? side == "left" : TokenizerClass.PadsLeft(Config);

    /// <summary>Whether the beginning of a long text is cut.</summary>
    public bool TruncatesLeft => Side("truncation_side") == "left";

    /// <summary>Longest text in tokens that the model was made for; null when the files do not say.</summary>
    public int? ModelMaxLength => Config["model_max_length"] is JsonValue value && value.TryGetValue<double>(out var limit) && limit is > 0 and < 1e9 ? (int)limit : null;

    /// <summary>Names of what the model takes: <c>input_ids</c>, <c>attention_mask</c> and for some <c>token_type_ids</c>.</summary>
    public IReadOnlyList<string> ModelInputNames => TokenizerClass.InputNames(Config);

    /// <summary>Whether words begin with their space, so that lists of words cannot be encoded.</summary>
    internal bool NeedsSpacesBetweenWords { get; }

    /// <summary>Ids that the post-processor puts in front of a text.</summary>
    public IReadOnlyList<int> Front => _file.PostProcessor.Front;

    /// <summary>Ids that the post-processor puts behind a text.</summary>
    public IReadOnlyList<int> Behind => _file.PostProcessor.Behind;

    /// <summary>Ids in front of, between and behind a pair of texts. Where the file says nothing of pairs, the second text follows the first.</summary>
    public (IReadOnlyList<int> Front, IReadOnlyList<int> Middle, IReadOnlyList<int> Behind) Pair =>
        _file.PostProcessor.PairFront is { } front ? (front, _file.PostProcessor.PairMiddle, _file.PostProcessor.PairBehind) : (Front, Behind, Behind);

    /// <summary>Which text the second text's tokens are said to belong to: 1 where texts are told apart by number, otherwise 0.</summary>
    public int SecondSegment => _file.PostProcessor.SecondSegment;

    /// <summary>Reads the tokenizer of a model folder: <c>tokenizer.json</c>, else the older files that are there; or the one inside a GGUF file.</summary>
    /// <exception cref="PeftException">A file is missing or asks for something this version cannot do; the message names file and field.</exception>
    public static PretrainedTokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (GgufHeader.Find(folder) is { } gguf)
        {
            var (file, settings) = GgufTokenizer.Read(GgufHeader.Read(gguf));
            return new PretrainedTokenizer(file, settings, needsSpaces: false);
        }

        var files = TokenizerFiles.Read(folder);
        var needsSpaces = TokenizerClass.Apply(files);
        return new PretrainedTokenizer(TokenizerFile.Read(files.Pipeline, files.Path), files.Config, needsSpaces);
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
        var ids = Place(text).Select(token => token.Id);
        return addSpecialTokens ? [.. _file.PostProcessor.Front, .. ids, .. _file.PostProcessor.Behind] : [.. ids];
    }

    /// <summary>Ids of a text with the characters that each covers. Nothing is put around it.</summary>
    public IReadOnlyList<TokenSpan> EncodeWithOffsets(string text)
    {
        var tokens = Place(text);
        var trims = _file.PostProcessor.TrimsOffsets;
        return [.. tokens.Select((token, i) =>
        {
            var (start, end) = !trims ? (token.Start, token.End)
                : PostProcessor.Trimmed(_texts.GetValueOrDefault(token.Id) ?? "", text, token.Start, token.End, i == 0 || token.Start == 0, _file.PostProcessor.PrefixSpace);
            return new TokenSpan(token.Id, start, end);
        })];
    }

    /// <summary>The text of ids; bytes that form no character become U+FFFD.</summary>
    /// <param name="ids">The ids; those without a token are left out.</param>
    /// <param name="skipSpecialTokens">Whether to leave out special tokens.</param>
    /// <param name="cleanUp">Whether to take out spaces in front of punctuation and English contractions, as <see cref="CleansUp"/> may ask for.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = true, bool cleanUp = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var tokens = ids.Where(id => !(skipSpecialTokens && IsSpecial(id))).Select(id => _texts.GetValueOrDefault(id)).OfType<string>().ToList();
        var text = string.Concat(_file.Decoder(tokens));
        return cleanUp ? TokenDecoders.CleanUpText(text) : text;
    }

    /// <summary>The tokens of a text as a row that nothing was put around yet.</summary>
    internal TokenRow Row(string text, int sequence) => TokenRow.Of(
    [
        .. Place(text).Select(token => new RowToken(
            token.Id, token.Surface ?? _texts.GetValueOrDefault(token.Id) ?? "", sequence, token.Start, token.End, token.Word, sequence, IsAdded: false, IsAttended: true) { Source = text }),
    ]);

    /// <summary>Puts around one text or a pair what the post-processor says.</summary>
    internal TokenRow Surround(TokenRow first, TokenRow? second, bool special) => _file.PostProcessor.Process(first, second, special);

    /// <summary>How many tokens the post-processor puts around one text or a pair.</summary>
    internal int SpecialTokenCount(bool pair) => pair ? _file.PostProcessor.PairCount : _file.PostProcessor.SingleCount;

    /// <summary>A token where it stands in its text; the surface is what stands there: of a piece that the vocabulary lacks, and of an added token with the blanks it took.</summary>
    private readonly record struct Placed(int Id, int Start, int End, int Word, string? Surface);

    private List<Placed> Place(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<Placed>(text.Length);
        var word = 0;
        foreach (var (start, end, added) in _raw.Split(text))
        {
            if (added is not null)
                tokens.Add(new Placed(added.Id, start, end, word++, text[start..end]));
            else
                PlacePlain(_file.Normalizer(AlignedText.Of(text, start, end)), tokens, ref word);
        }

        return tokens;
    }

    private void PlacePlain(AlignedText text, List<Placed> tokens, ref int index)
    {
        foreach (var (start, end, added) in _normalized.Split(text.Text))
        {
            var part = text.Slice(start, end);
            if (added is not null)
            {
                var (from, to) = part.Origin(0, part.Text.Length);
                tokens.Add(new Placed(added.Id, from, to, index++, part.Text));
                continue;
            }

            foreach (var word in _file.PreTokenizer(part))
            {
                foreach (var token in _file.Model.Tokens(word.Text))
                {
                    var (from, to) = word.Origin(token.Start, token.End);
                    tokens.Add(new Placed(token.Id, from, to, index, token.Id == _file.Model.SurfaceId ? word.Text[token.Start..token.End] : null));
                }

                index++;
            }
        }
    }

    private string? Side(string field) => Config[field] is JsonValue value && value.TryGetValue<string>(out var side) ? side : null;

    private string? SpecialToken(string name) => SpecialTokens.Text(Config[name]);
}
