namespace Peft.Core.Generation.Processors;

/// <summary>Divides the scores.</summary>
internal sealed class Temperature(double temperature) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        foreach (ref var score in scores)
            score /= (float)temperature;
    }
}

/// <summary>Makes log-probabilities of the scores.</summary>
internal sealed class LogitNormalization : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) => Distributions.LogSoftmax(scores).CopyTo(scores);
}

/// <summary>Replaces what is no number by 0 and what is infinite by the largest and smallest number.</summary>
internal sealed class InfNanRemove : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        foreach (ref var score in scores)
            score = float.IsNaN(score) ? 0 : Math.Clamp(score, float.MinValue, float.MaxValue);
    }
}
