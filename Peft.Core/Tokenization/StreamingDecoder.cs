using System.Text;

namespace Peft.Core.Tokenization;

/// <summary>Turns ids into text one by one and holds back the bytes of a character until it is complete.</summary>
public sealed class StreamingDecoder
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly Decoder _utf8 = new UTF8Encoding(false, throwOnInvalidBytes: false).GetDecoder();
    private readonly char[] _chars = new char[1024];

    /// <summary>Starts at the beginning of a text.</summary>
    public StreamingDecoder(PretrainedTokenizer tokenizer, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>The characters that this id completes; empty while a character is still in parts.</summary>
    public string Add(int id)
    {
        if (_tokenizer.AddedText(id) is { } added)
            return Finish() + (_skipSpecialTokens && _tokenizer.IsSpecial(id) ? "" : added);
        var bytes = _tokenizer.Bytes(id) ?? [];
        return Convert(bytes, flush: false);
    }

    /// <summary>What is left at the end: U+FFFD for an incomplete character.</summary>
    public string Finish() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var text = "";
        bool completed;
        do
        {
            _utf8.Convert(bytes, _chars, flush, out var used, out var written, out completed);
            text += new string(_chars, 0, written);
            bytes = bytes[used..];
        }
        while (!completed);
        return text;
    }
}
