namespace Peft.Core.Generation.Processors;

/// <summary>No ending before a row has so many tokens.</summary>
/// <param name="length">Tokens, the prompt included.</param>
/// <param name="endings">Ids that end a row.</param>
internal class MinLength(int length, IReadOnlyList<int> endings) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        if (ids.Length >= length)
            return;
        foreach (var id in endings)
            Forbid(scores, id);
    }
}

/// <summary>No ending before so many tokens were written.</summary>
internal sealed class MinNewTokensLength(int promptLength, int count, IReadOnlyList<int> endings) : MinLength(promptLength + count, endings);

/// <summary>Makes a token the only choice at one length of a row.</summary>
internal abstract class ForcedToken(int length, int id) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        if (ids.Length != length)
            return;
        scores.Fill(float.NegativeInfinity);
        scores[id] = 0;
    }
}

/// <summary>The token behind the decoder's start id.</summary>
internal sealed class ForcedBosToken(int id) : ForcedToken(1, id);

/// <summary>The token in the last place.</summary>
internal sealed class ForcedEosToken(int maxLength, int id) : ForcedToken(maxLength - 1, id);

/// <summary>Raises the scores of endings exponentially once so many tokens were written.</summary>
internal sealed class ExponentialDecayLengthPenalty(LengthDecay decay, int promptLength, IReadOnlyList<int> endings) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var beyond = ids.Length - (decay.Start + promptLength);
        if (beyond <= 0)
            return;
        foreach (var id in endings)
            scores[id] += MathF.Abs(scores[id]) * (float)(Math.Pow(decay.Factor, beyond) - 1);
    }
}
