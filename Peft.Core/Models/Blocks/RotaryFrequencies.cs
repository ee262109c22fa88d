namespace Peft.Core.Models.Blocks;

/// <summary>The angle per position of each pair of dimensions, θ^(−2d/D), stretched as the config says.</summary>
internal static class RotaryFrequencies
{
    /// <param name="dimensions">Dimensions that rotate.</param>
    /// <param name="theta">Base.</param>
    /// <param name="scaling">Stretching.</param>
    /// <param name="length">Positions of the text, for stretching that depends on it.</param>
    public static float[] Of(int dimensions, double theta, RopeScaling scaling, long length)
    {
        if (scaling.Type == "dynamic")
            theta = Dynamic(dimensions, theta, scaling, length);
        var frequencies = new float[dimensions / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            // fp32 at every step, as the reference computes it.
            var power = MathF.Pow((float)theta, 2f * i / dimensions);
            frequencies[i] = scaling.Type switch
            {
                "linear" => 1f / power / (float)scaling.Factor,
                "llama3" => Llama3(1f / power, scaling),
                "yarn" => Yarn(power, i, dimensions, theta, scaling),
                "longrope" => 1f / ((float)(length > scaling.OriginalMaxPositions ? scaling.LongFactor : scaling.ShortFactor)[i] * power),
                _ => 1f / power,
            };
        }

        return frequencies;
    }

    private static double Dynamic(int dimensions, double theta, RopeScaling scaling, long length)
    {
        var reach = Math.Max(length, scaling.OriginalMaxPositions);
        return theta * Math.Pow((scaling.Factor * reach / scaling.OriginalMaxPositions) - (scaling.Factor - 1), dimensions / (double)(dimensions - 2));
    }

    private static float Llama3(float frequency, RopeScaling scaling)
    {
        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalMaxPositions / scaling.HighFrequencyFactor)
            return frequency;
        if (wavelength > scaling.OriginalMaxPositions / scaling.LowFrequencyFactor)
            return (float)(frequency / scaling.Factor);
        var smooth = ((scaling.OriginalMaxPositions / wavelength) - scaling.LowFrequencyFactor)
            / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (float)(((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency));
    }

    private static float Yarn(float power, int index, int dimensions, double theta, RopeScaling scaling)
    {
        double Dimension(double turns) => dimensions * Math.Log(scaling.OriginalMaxPositions / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
        var (low, high) = (Dimension(scaling.BetaFast), Dimension(scaling.BetaSlow));
        if (scaling.Truncate)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, dimensions - 1));
        if (low == high)
            high += 0.001;
        var ramp = Math.Clamp((float)((index - low) / (high - low)), 0f, 1f);
        return (1f / ((float)scaling.Factor * power) * ramp) + (1f / power * (1 - ramp));
    }
}
