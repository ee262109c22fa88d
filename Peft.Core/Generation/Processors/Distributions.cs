namespace Peft.Core.Generation.Processors;

/// <summary>Probabilities of a row of scores, in the precision that the tensor library has.</summary>
internal static class Distributions
{
    /// <summary>exp(s − max) / Σ.</summary>
    public static float[] Softmax(ReadOnlySpan<float> scores)
    {
        var result = new float[scores.Length];
        var most = Largest(scores);
        var sum = 0.0;
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = MathF.Exp(scores[i] - most);
            sum += result[i];
        }

        for (var i = 0; i < result.Length; i++)
            result[i] = (float)(result[i] / sum);
        return result;
    }

    /// <summary>s − max − log Σ exp(s − max).</summary>
    public static float[] LogSoftmax(ReadOnlySpan<float> scores)
    {
        var result = new float[scores.Length];
        var most = Largest(scores);
        var sum = 0.0;
        foreach (var score in scores)
            sum += MathF.Exp(score - most);
        var log = (float)Math.Log(sum);
        for (var i = 0; i < result.Length; i++)
            result[i] = scores[i] - most - log;
        return result;
    }

    /// <summary>−Σ p·log p; what cannot happen adds nothing.</summary>
    public static float Entropy(ReadOnlySpan<float> logProbabilities)
    {
        var sum = 0.0;
        foreach (var log in logProbabilities)
        {
            if (!float.IsNegativeInfinity(log))
                sum -= log * MathF.Exp(log);
        }

        return (float)sum;
    }

    /// <summary>Places in the order of their values; equal values keep their order.</summary>
    public static int[] Order(ReadOnlySpan<float> values, bool descending = false)
    {
        var order = new int[values.Length];
        var keys = new (float Value, int Index)[values.Length];
        for (var i = 0; i < order.Length; i++)
            (order[i], keys[i]) = (i, (descending ? -values[i] : values[i], i));
        Array.Sort(keys, order);
        return order;
    }

    /// <summary>The n-th largest value.</summary>
    public static float Border(ReadOnlySpan<float> scores, int n)
    {
        var sorted = scores.ToArray();
        Array.Sort(sorted);
        return sorted[^Math.Clamp(n, 1, sorted.Length)];
    }

    private static float Largest(ReadOnlySpan<float> scores)
    {
        var most = float.NegativeInfinity;
        foreach (var score in scores)
            most = Math.Max(most, score);
        return most;
    }
}
