namespace Peft.Core.Generation.Processors;

/// <summary>Keeps any run of n tokens from occurring twice in a row.</summary>
/// <param name="size">n.</param>
internal sealed class NoRepeatNGram(int size) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) => ForbidContinuations(ids, ids, size, scores);

    /// <summary>Forbids what followed the last n − 1 tokens of a row wherever they stand in a text.</summary>
    internal static void ForbidContinuations(ReadOnlySpan<long> text, ReadOnlySpan<long> ids, int size, Span<float> scores)
    {
        if (ids.Length + 1 < size)
            return;
        var last = ids[(ids.Length - (size - 1))..];
        for (var start = 0; start + size <= text.Length; start++)
        {
            if (text.Slice(start, size - 1).SequenceEqual(last))
                Forbid(scores, text[start + size - 1]);
        }
    }
}

/// <summary>Keeps any run of n tokens from being copied from the input.</summary>
/// <param name="size">n.</param>
/// <param name="inputs">The input of every prompt.</param>
internal sealed class EncoderNoRepeatNGram(int size, IReadOnlyList<long[]> inputs) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) =>
        NoRepeatNGram.ForbidContinuations(inputs[prompt], ids, size, scores);
}
