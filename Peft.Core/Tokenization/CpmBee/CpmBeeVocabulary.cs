using System.Text;

namespace Peft.Core.Tokenization.CpmBee;

/// <summary>A piece of a text: an entry of the vocabulary, a special token that is none, or text that is no token.</summary>
/// <param name="Text">The piece; special tokens with their brackets.</param>
/// <param name="Id">Its id, or null when the vocabulary lacks it.</param>
/// <param name="IsSpecial">Whether it stood in brackets.</param>
public readonly record struct CpmBeePiece(string Text, int? Id, bool IsSpecial);

/// <summary>
/// The vocabulary of CPM-Bee: <c>vocab.txt</c> with one token per line, <c>&lt;/n&gt;</c> for a newline and <c>&lt;/_&gt;</c> for a space. Text is
/// matched from the left, longest token first; <c>&lt;name&gt;</c> is a special token, <c>&lt;&lt;</c> a bracket. https://github.com/OpenBMB/CPM-Bee
/// </summary>
public sealed class CpmBeeVocabulary
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "vocab.txt";

    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> ordinary = new(StringComparer.Ordinal);
    private readonly int longest;

    private CpmBeeVocabulary(IEnumerable<string> lines)
    {
        foreach (var line in lines.Where(line => line.Length > 0))
        {
            var token = line switch { "</n>" => "\n", "</_>" => " ", _ => line };
            ids.TryAdd(token, ids.Count);
            if (!IsSpecial(token))
                ordinary.TryAdd(token, ids[token]);
        }

        longest = ordinary.Count == 0 ? 0 : ordinary.Keys.Max(token => token.Length);
    }

    /// <summary>Number of tokens.</summary>
    public int Count => ids.Count;

    /// <summary>Reads <c>vocab.txt</c> of a model's folder.</summary>
    /// <exception cref="PeftException">No such file.</exception>
    public static CpmBeeVocabulary Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return File.Exists(path)
            ? new CpmBeeVocabulary(File.ReadLines(path, Encoding.UTF8))
            : throw new PeftException($"{path}: file not found; CPM-Bee's tokens stand there, one per line.");
    }

    /// <summary>The id of an entry.</summary>
    public int? Id(string token) => ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>The pieces of a text.</summary>
    /// <exception cref="PeftException">A bracket that is not closed, or one within another.</exception>
    public IReadOnlyList<CpmBeePiece> Pieces(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var pieces = new List<CpmBeePiece>();
        var plain = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '<')
            {
                plain.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == '<')
            {
                plain.Append('<');
                i++;
            }
            else
            {
                var end = text.IndexOf('>', i);
                if (end < 0 || text.AsSpan((i + 1)..end).Contains('<'))
                    throw new PeftException($"The special token that begins at character {i} of '{text}' is not closed; write << for a bracket.");
                Match(plain, pieces);
                var token = text[i..(end + 1)];
                pieces.Add(new CpmBeePiece(token, Id(token), IsSpecial: true));
                i = end;
            }
        }

        Match(plain, pieces);
        return pieces;
    }

    private static bool IsSpecial(string token) => token.Length > 2 && token[0] == '<' && token[^1] == '>';

    /// <summary>Longest token first; what begins no token is joined until one begins.</summary>
    private void Match(StringBuilder plain, List<CpmBeePiece> pieces)
    {
        var text = plain.ToString();
        plain.Clear();
        var unknown = 0;
        for (var at = 0; at <= text.Length;)
        {
            var length = at < text.Length ? LongestAt(text, at) : 0;
            if (unknown > 0 && (length > 0 || at == text.Length))
            {
                pieces.Add(new CpmBeePiece(text[(at - unknown)..at], null, IsSpecial: false));
                unknown = 0;
            }

            if (at == text.Length)
                return;
            if (length > 0)
                pieces.Add(new CpmBeePiece(text.Substring(at, length), ordinary[text.Substring(at, length)], IsSpecial: false));
            else
                unknown++;
            at += Math.Max(1, length);
        }
    }

    private int LongestAt(string text, int at)
    {
        for (var length = Math.Min(longest, text.Length - at); length > 0; length--)
        {
            if (ordinary.ContainsKey(text.Substring(at, length)))
                return length;
        }

        return 0;
    }
}
