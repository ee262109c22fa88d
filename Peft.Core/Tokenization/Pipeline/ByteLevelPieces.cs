using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Text as the characters that stand for its UTF-8 bytes; each stands for the whole character that its byte is a part of.</summary>
internal static class ByteLevelPieces
{
    public static AlignedText Encode(AlignedText text)
    {
        var builder = new AlignedText.Builder(text.Text.Length * 2);
        var at = 0;
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.Runes())
        {
            var (start, end) = text.Origin(at, at + rune.Utf16SequenceLength);
            var count = rune.EncodeToUtf8(bytes);
            for (var i = 0; i < count; i++)
                builder.Add(ByteLevelAlphabet.Character(bytes[i]), start, end);
            at += rune.Utf16SequenceLength;
        }

        return builder.Build();
    }
}
