using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// A piece of text on its way through the pipeline. Every UTF-16 unit knows which units of the original it came from, so that tokens can be
/// shown where they stand.
/// </summary>
internal sealed class AlignedText
{
    private readonly int[] starts;
    private readonly int[] ends;

    private AlignedText(string text, int[] starts, int[] ends) => (Text, this.starts, this.ends) = (text, starts, ends);

    /// <summary>The text as it is now.</summary>
    public string Text { get; }

    /// <summary>A part of the original.</summary>
    public static AlignedText Of(string original, int start, int end)
    {
        var text = original[start..end];
        return new AlignedText(text, [.. Enumerable.Range(start, text.Length)], [.. Enumerable.Range(start + 1, text.Length)]);
    }

    /// <summary>The original's units that units from … to − 1 stand for.</summary>
    public (int Start, int End) Origin(int from, int to) => from >= to
        ? (from < starts.Length ? starts[from] : starts.Length == 0 ? 0 : ends[^1], from < starts.Length ? starts[from] : starts.Length == 0 ? 0 : ends[^1])
        : (starts[from], ends[to - 1]);

    /// <summary>A part of it.</summary>
    public AlignedText Slice(int from, int to) => from == 0 && to == Text.Length ? this : new(Text[from..to], starts[from..to], ends[from..to]);

    /// <summary>Replaces stretches: each says how many units it takes and what stands there afterwards.</summary>
    /// <param name="stretches">The stretches, which cover the text.</param>
    /// <param name="byLast">Whether what is new stands for the last character of its stretch only, not for all of it.</param>
    public AlignedText Rewrite(IEnumerable<(int Length, string Now)> stretches, bool byLast = false)
    {
        var builder = new Builder(Text.Length);
        var at = 0;
        foreach (var (length, now) in stretches)
        {
            if (length == now.Length && string.CompareOrdinal(Text, at, now, 0, length) == 0)
            {
                for (var i = at; i < at + length; i++)
                    builder.Add(Text[i], starts[i], ends[i]);
            }
            else
            {
                var first = !byLast || length < 1 ? at : length > 1 && char.IsLowSurrogate(Text[at + length - 1]) ? at + length - 2 : at + length - 1;
                var (start, end) = Origin(first, at + length);
                foreach (var unit in now)
                    builder.Add(unit, start, end);
            }

            at += length;
        }

        return builder.Build();
    }

    /// <summary>
    /// Rewrites character by character: 0 takes the place of the next old character, 1 stands beside the one before, −n takes the place of the
    /// next and of n more. Source: tokenizers, NormalizedString::transform.
    /// </summary>
    public AlignedText Transform(IEnumerable<(string Now, int Change)> changes)
    {
        var builder = new Builder(Text.Length);
        var (at, before) = (0, Text.Length == 0 ? (0, 0) : (starts[0], starts[0]));
        void Next()
        {
            var length = at + 1 < Text.Length && char.IsSurrogatePair(Text[at], Text[at + 1]) ? 2 : 1;
            if (at < Text.Length)
                before = Origin(at, at + length);
            at += length;
        }

        foreach (var (now, change) in changes)
        {
            if (change <= 0)
                Next();
            foreach (var unit in now)
                builder.Add(unit, before.Item1, before.Item2);
            for (var i = 0; i < -change; i++)
                Next();
        }

        return builder.Build();
    }

    /// <summary>Rewrites character by character.</summary>
    public AlignedText Map(Func<Rune, string> now) => Rewrite(Runes().Select(r => (r.Utf16SequenceLength, now(r))));

    /// <summary>Puts text in front; it stands for what the first character stands for.</summary>
    public AlignedText Prepend(string front)
    {
        var builder = new Builder(Text.Length + front.Length);
        var (start, end) = Text.Length == 0 ? (0, 0) : (starts[0], ends[char.IsHighSurrogate(Text[0]) && Text.Length > 1 ? 1 : 0]);
        foreach (var unit in front)
            builder.Add(unit, start, end);
        for (var i = 0; i < Text.Length; i++)
            builder.Add(Text[i], starts[i], ends[i]);
        return builder.Build();
    }

    /// <summary>The characters; an unpaired surrogate counts as U+FFFD of one unit.</summary>
    public IEnumerable<Rune> Runes()
    {
        for (var i = 0; i < Text.Length;)
        {
            var rune = Rune.TryGetRuneAt(Text, i, out var found) ? found : Rune.ReplacementChar;
            yield return rune;
            i += rune.Utf16SequenceLength;
        }
    }

    /// <summary>Collects units with what they stand for.</summary>
    public sealed class Builder(int capacity)
    {
        private readonly StringBuilder text = new(capacity);
        private readonly List<int> starts = new(capacity);
        private readonly List<int> ends = new(capacity);

        public void Add(char unit, int start, int end)
        {
            text.Append(unit);
            starts.Add(start);
            ends.Add(end);
        }

        public AlignedText Build() => new(text.ToString(), [.. starts], [.. ends]);
    }
}
