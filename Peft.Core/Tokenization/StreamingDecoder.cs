namespace Peft.Core.Tokenization;

/// <summary>
/// Turns ids into text one by one and holds back what may still change: the bytes of a character until it is complete. A few tokens of
/// context are kept, since decoders put spaces between tokens.
/// </summary>
public sealed class StreamingDecoder
{
    private const int Context = 6;
    private const int Window = 24;

    private readonly PretrainedTokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly List<int> _ids = [];
    private string _said = "";

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
        _ids.Add(id);
        var text = _tokenizer.Decode(_ids, _skipSpecialTokens);
        if (text.EndsWith('\uFFFD') || !text.StartsWith(_said, StringComparison.Ordinal))
            return "";
        var fresh = text[_said.Length..];
        _said = text;
        if (_ids.Count > Window)
        {
            _ids.RemoveRange(0, _ids.Count - Context);
            _said = _tokenizer.Decode(_ids, _skipSpecialTokens);
        }

        return fresh;
    }

    /// <summary>What is left at the end: U+FFFD for an incomplete character.</summary>
    public string Finish()
    {
        var text = _tokenizer.Decode(_ids, _skipSpecialTokens);
        var rest = text.StartsWith(_said, StringComparison.Ordinal) ? text[_said.Length..] : "";
        _ids.Clear();
        _said = "";
        return rest;
    }
}
