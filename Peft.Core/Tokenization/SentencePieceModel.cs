using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Tokenization.Files;
using Peft.Core.Tokenization.Pipeline;

namespace Peft.Core.Tokenization;

/// <summary>
/// A SentencePiece model as the sentencepiece library itself reads it: its own normalisation, no special tokens in texts, unknown characters as
/// bytes where the model asks for it. A base's tokenizer is <see cref="PretrainedTokenizer"/>, which adds what its class does. Thread-safe.
/// Source: https://github.com/google/sentencepiece
/// </summary>
public sealed class SentencePieceModel
{
    private const char Space = '▁';
    private const string UnknownSurface = " \u2047 ";

    private readonly SentencePieceFile file;
    private readonly CharacterMap map;
    private readonly IWordModel model;
    private readonly string[] symbols;
    private readonly Dictionary<string, int> ids;
    private readonly int[] bytes;

    private SentencePieceModel(SentencePieceFile file)
    {
        this.file = file;
        var json = new PipelineJson(file.Path);
        map = new CharacterMap(Convert.ToBase64String(file.CharacterMap), json);
        symbols = [.. file.Pieces.Where(piece => piece.Type == SentencePiece.UserDefined && piece.Text.Length > 0).Select(piece => piece.Text).OrderByDescending(text => text.Length)];
        ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var texts = new string[file.Pieces.Count];
        for (var id = 0; id < texts.Length; id++)
        {
            var (text, _, type) = file.Pieces[id];
            ids.TryAdd(text, id);
            texts[id] = type is SentencePiece.Normal or SentencePiece.UserDefined ? text : ""; // what no text can match
        }

        bytes = [.. Enumerable.Range(0, 256).Select(value => ids.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), -1))];
        model = file.IsBytePair ? BytePair(texts, json) : Unigram(texts, json);
    }

    /// <summary>Number of pieces.</summary>
    public int Count => file.Pieces.Count;

    /// <summary>Reads a <c>.model</c> file.</summary>
    /// <exception cref="PeftException">It is no SentencePiece model; the message names the file.</exception>
    public static SentencePieceModel Load(string path) => new(SentencePieceFile.Read(path));

    /// <summary>The text as the model sees it: characters replaced by the table, blanks as U+2581, one in front.</summary>
    public string Normalize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var result = new StringBuilder(text.Length + 1);
        var source = Encoding.UTF8.GetBytes(text);
        var (at, blank, begun) = (0, file.RemovesExtraSpaces, false);
        while (at < source.Length)
        {
            var (length, now) = Prefix(source.AsSpan(at));
            at += length;
            if (!begun)
            {
                if (file.RemovesExtraSpaces && now == " ")
                    continue;
                begun = true;
                if (file.AddsPrefix)
                    result.Append(Space);
            }

            if (blank)
                now = now.TrimStart(' ');
            if (now.Length == 0)
                continue;
            result.Append(now.Replace(' ', Space));
            blank = file.RemovesExtraSpaces && now.EndsWith(' ');
        }

        if (file.RemovesExtraSpaces)
        {
            while (result.Length > 0 && result[^1] == Space)
                result.Length--;
        }

        return result.ToString();
    }

    /// <summary>The ids of a text.</summary>
    public int[] Encode(string text)
    {
        var normalized = Normalize(text);
        var result = new List<int>();
        var unknown = false;
        foreach (var (start, end, symbol) in Parts(normalized))
        {
            if (symbol is { } known)
            {
                result.Add(known);
                unknown = false;
                continue;
            }

            var part = normalized[start..end];
            foreach (var token in model.Tokens(part))
            {
                if (token.Id != file.UnknownId)
                    result.Add(token.Id);
                else if (file.ByteFallback)
                    result.AddRange(Encoding.UTF8.GetBytes(part[token.Start..token.End]).Select(value => bytes[value] < 0 ? file.UnknownId : bytes[value]));
                else if (!unknown)
                    result.Add(token.Id); // unknown characters beside each other are one piece
                unknown = token.Id == file.UnknownId && !file.ByteFallback;
            }
        }

        return [.. result];
    }

    /// <summary>The text of ids: control pieces are silent, an unknown one is U+2047 between blanks.</summary>
    public string Decode(IEnumerable<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var text = new StringBuilder();
        var run = new List<byte>();
        var seen = false;
        foreach (var id in tokens)
        {
            if (id < 0 || id >= Count)
                throw new PeftException($"{file.Path}: there is no piece {id}.");
            var (piece, _, type) = file.Pieces[id];
            if (type == SentencePiece.Byte && Array.IndexOf(bytes, id) is >= 0 and var value)
            {
                run.Add((byte)value);
                continue;
            }

            Close();
            switch (type)
            {
                case SentencePiece.Control:
                    break;
                case SentencePiece.Unknown:
                    text.Append(UnknownSurface);
                    break;
                default:
                    if (text.Length == 0 && !seen && (file.AddsPrefix || file.RemovesExtraSpaces) && piece.StartsWith(Space))
                    {
                        piece = piece[1..];
                        seen = !file.RemovesExtraSpaces;
                    }

                    text.Append(piece.Replace(Space, ' '));
                    break;
            }
        }

        Close();
        return text.ToString();

        void Close()
        {
            var rest = run.ToArray().AsSpan();
            while (rest.Length > 0)
            {
                var whole = Rune.DecodeFromUtf8(rest, out var rune, out var length) == OperationStatus.Done;
                text.Append(whole ? rune.ToString() : "\uFFFD");
                rest = rest[(whole ? length : 1)..];
            }

            run.Clear();
        }
    }

    private (int Length, string Now) Prefix(ReadOnlySpan<byte> source)
    {
        foreach (var symbol in symbols)
        {
            var form = Encoding.UTF8.GetBytes(symbol);
            if (source.StartsWith(form))
                return (form.Length, symbol);
        }

        if (map.Longest(source) is { } found)
            return found;
        Rune.DecodeFromUtf8(source, out var rune, out var length);
        return (Math.Max(1, length), rune.ToString());
    }

    /// <summary>The stretches between user-defined symbols, and these. A Unigram model weighs the symbols like other pieces.</summary>
    private IEnumerable<(int Start, int End, int? Symbol)> Parts(string text)
    {
        var done = 0;
        for (var at = 0; file.IsBytePair && symbols.Length > 0 && at < text.Length;)
        {
            if (Array.Find(symbols, symbol => string.CompareOrdinal(text, at, symbol, 0, symbol.Length) == 0) is not { } found)
            {
                at++;
                continue;
            }

            if (at > done)
                yield return (done, at, null);
            yield return (at, at + found.Length, ids[found]);
            done = at += found.Length;
        }

        if (done < text.Length)
            yield return (done, text.Length, null);
    }

    private BytePairModel BytePair(string[] texts, PipelineJson json)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal) { [file.Pieces[file.UnknownId].Text] = file.UnknownId };
        for (var id = 0; id < texts.Length; id++)
        {
            if (texts[id].Length > 0)
                vocabulary.TryAdd(texts[id], id);
        }

        var merges = ScoredMerges.Of(vocabulary, texts.Select((text, id) => (text, file.Pieces[id].Score, file.Pieces[id].Type == SentencePiece.Normal)));
        return BytePairModel.Of(vocabulary, merges, new JsonObject { ["unk_token"] = file.Pieces[file.UnknownId].Text }, json);
    }

    private UnigramModel Unigram(string[] texts, PipelineJson json)
    {
        var highest = file.Pieces.Where(piece => piece.Type == SentencePiece.Normal).Select(piece => piece.Score).DefaultIfEmpty(0).Max();
        double Score(int id) => file.Pieces[id].Type switch
        {
            SentencePiece.UserDefined => Encoding.UTF8.GetByteCount(texts[id]) * highest - 0.1,
            _ => file.Pieces[id].Score,
        };
        var vocabulary = new JsonArray([.. texts.Select((text, id) => (JsonNode)new JsonArray(text, Score(id)))]);
        return UnigramModel.Read(new JsonObject { ["vocab"] = vocabulary, ["unk_id"] = file.UnknownId, ["byte_fallback"] = false }, json);
    }
}
