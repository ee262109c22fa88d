using System.Text;
using Peft.Core.Tokenization;

namespace Peft.Core.Generation;

/// <summary>Ends a row as soon as one of some texts stands in what was written. The text itself is part of the result, as with Hugging Face.</summary>
public sealed class StopStrings : IStopCondition
{
    private readonly PretrainedTokenizer tokenizer;
    private readonly IReadOnlyList<string> texts;
    private readonly int reach;

    /// <summary>Looks for texts.</summary>
    /// <param name="tokenizer">Turns ids into text.</param>
    /// <param name="texts">What to stop at.</param>
    /// <exception cref="PeftException">An empty text.</exception>
    public StopStrings(PretrainedTokenizer tokenizer, IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(texts);
        (this.tokenizer, this.texts) = (tokenizer, texts);
        if (texts.Any(string.IsNullOrEmpty))
            throw new PeftException("stop_strings must not contain an empty text: every answer would stop at once.");

        // A token holds at least a byte, so this many tokens hold the longest text; some more, since special tokens hold none.
        reach = texts.Count == 0 ? 0 : (2 * texts.Max(Encoding.UTF8.GetByteCount)) + 16;
    }

    /// <inheritdoc />
    public bool Ends(IReadOnlyList<long> written)
    {
        ArgumentNullException.ThrowIfNull(written);
        if (texts.Count == 0)
            return false;
        var tail = tokenizer.Decode(written.Skip(written.Count - reach).Select(id => (int)id), skipSpecialTokens: true);
        return texts.Any(text => tail.Contains(text, StringComparison.Ordinal));
    }

    /// <summary>What stands before the first of some texts; the whole when none occurs.</summary>
    public static string Cut(string answer, IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(texts);
        var places = texts.Select(text => answer.IndexOf(text, StringComparison.Ordinal)).Where(place => place >= 0).ToList();
        return places.Count == 0 ? answer : answer[..places.Min()];
    }
}

/// <summary>Lets pieces of an answer through as they come, but holds back what could be the beginning of a stop text, and everything from one on.</summary>
/// <param name="texts">What to stop at.</param>
public sealed class StopFilter(IReadOnlyList<string> texts)
{
    private string held = "";
    private bool stopped;

    /// <summary>What may be shown now that this piece has come.</summary>
    public string Add(string piece)
    {
        if (stopped)
            return "";
        var text = held + piece;
        var cut = StopStrings.Cut(text, texts);
        if (cut.Length < text.Length)
        {
            (stopped, held) = (true, "");
            return cut;
        }

        var keep = texts.Count == 0 ? 0 : texts.Max(stop => Overlap(text, stop));
        held = text[(text.Length - keep)..];
        return text[..(text.Length - keep)];
    }

    /// <summary>What was held back and turned out to be no stop text.</summary>
    public string Finish()
    {
        var rest = held;
        held = "";
        return rest;
    }

    /// <summary>How many characters at the end of a text begin a stop text.</summary>
    private static int Overlap(string text, string stop)
    {
        for (var length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan()[^length..].SequenceEqual(stop.AsSpan(0, length)))
                return length;
        }

        return 0;
    }
}
