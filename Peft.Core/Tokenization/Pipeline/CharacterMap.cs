using System.Globalization;
using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// SentencePiece's table of replacements (<c>precompiled_charsmap</c>): a double-array trie over UTF-8 and the texts that its values point at.
/// </summary>
internal sealed class CharacterMap
{
    private readonly uint[] trie;
    private readonly byte[] texts;

    public CharacterMap(string base64, PipelineJson json)
    {
        byte[] data;
        try
        {
            data = Convert.FromBase64String(base64);
        }
        catch (FormatException error)
        {
            throw json.Unusable($"field 'precompiled_charsmap' is no base64 text: {error.Message}");
        }

        if (data.Length == 0)
        {
            (trie, texts) = ([], []);
            return;
        }

        var size = data.Length < 4 ? -1 : BitConverter.ToInt32(data, 0);
        if (size < 0 || size % 4 != 0 || size > data.Length - 4)
            throw json.Unusable("field 'precompiled_charsmap' is damaged: its trie is longer than the data.");
        trie = new uint[size / 4];
        Buffer.BlockCopy(data, 4, trie, 0, size);
        texts = data[(4 + size)..];
    }

    /// <summary>
    /// Replaces what the table knows: whole graphemes when they are short, else their characters. What is taken away in front of all else
    /// moves the places of what follows, as in the reference.
    /// </summary>
    public AlignedText Apply(AlignedText text)
    {
        if (trie.Length == 0)
            return text;
        var changes = new List<(string Now, int Change)>();
        var changed = false;
        void Replace(string old, string now)
        {
            changed |= old != now;
            var (before, after) = (old.EnumerateRunes().Count(), now.EnumerateRunes().Count());
            var i = 0;
            foreach (var rune in now.EnumerateRunes())
                changes.Add((rune.ToString(), i++ < before ? 0 : 1));
            if (after < before && changes.Count > 0)
                changes[^1] = changes[^1] with { Change = changes[^1].Change - (before - after) };
        }

        var graphemes = StringInfo.GetTextElementEnumerator(text.Text);
        while (graphemes.MoveNext())
        {
            var grapheme = graphemes.GetTextElement();
            var bytes = Encoding.UTF8.GetBytes(grapheme);
            if (bytes.Length < 6 && Find(bytes) is { } whole)
            {
                Replace(grapheme, whole);
                continue;
            }

            foreach (var rune in grapheme.EnumerateRunes())
                Replace(rune.ToString(), Find(Encoding.UTF8.GetBytes(rune.ToString())) ?? rune.ToString());
        }

        return changed ? text.Transform(changes) : text;
    }

    /// <summary>The longest known beginning of a text in UTF-8 and what it stands for; null when none is known.</summary>
    public (int Length, string Now)? Longest(ReadOnlySpan<byte> text)
    {
        (int, string)? found = null;
        if (trie.Length == 0)
            return found;
        var node = Offset(trie[0]);
        for (var i = 0; i < text.Length && text[i] != 0; i++)
        {
            node ^= text[i];
            if (node >= trie.Length || (trie[node] & ((1u << 31) | 0xFF)) != text[i])
                break;
            var unit = trie[node];
            node ^= Offset(unit);
            if (node >= trie.Length)
                break;
            if (((unit >> 8) & 1) == 1 && Text((int)(trie[node] & 0x7FFFFFFF)) is { } now)
                found = (i + 1, now);
        }

        return found;
    }

    /// <summary>What the shortest known beginning stands for; null when none is known.</summary>
    private string? Find(byte[] key)
    {
        var node = 0u;
        var unit = trie[0];
        node ^= Offset(unit);
        foreach (var label in key)
        {
            if (label == 0)
                return null;
            node ^= label;
            if (node >= trie.Length)
                return null;
            unit = trie[node];
            if ((unit & ((1u << 31) | 0xFF)) != label)
                return null;
            node ^= Offset(unit);
            if (node >= trie.Length)
                return null;
            if (((unit >> 8) & 1) == 1)
                return Text((int)(trie[node] & 0x7FFFFFFF));
        }

        return null;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1u << 9)) >> 6);

    private string? Text(int from)
    {
        if (from < 0 || from >= texts.Length)
            return null;
        var to = Array.IndexOf(texts, (byte)0, from);
        return Encoding.UTF8.GetString(texts, from, (to < 0 ? texts.Length : to) - from);
    }
}
