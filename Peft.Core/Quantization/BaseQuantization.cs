using Peft.Core.Models;

namespace Peft.Core.Quantization;

/// <summary>The 4-bit side of one loaded base: which of its layers are quantised, and the memory in which they are expanded.</summary>
public sealed class BaseQuantization : IDisposable
{
    private readonly Func<string, bool> precise;

    private BaseQuantization(QuantizationConfig config, Func<string, bool> precise) => (Config, this.precise) = (config, precise);

    /// <summary>The settings in force.</summary>
    public QuantizationConfig Config { get; }

    internal DequantizationBuffer Buffer { get; } = new();

    /// <summary>What holds for a folder: files in 4 bits stay so, and what they say about the numbers wins over the wish.</summary>
    /// <exception cref="PeftException">A setting cannot work, or the files are quantised in another way.</exception>
    internal static BaseQuantization? Choose(string folder, ModelConfig model, QuantizationConfig? wish)
    {
        var stored = QuantizationConfig.OfCheckpoint(folder);
        var wanted = wish is { LoadIn4Bit: true } ? wish : null;
        var config = stored is null ? wanted : stored with
        {
            PrepareModelForKbitTraining = (wish ?? stored).PrepareModelForKbitTraining,
            Bnb4BitComputeDtype = (wanted ?? stored).Bnb4BitComputeDtype,
        };
        if (config is null)
            return null;
        var problems = config.Problems().Select(p => $"{p.Field}: {p.Message}").ToList();
        if (problems.Count > 0)
            throw new PeftException(string.Join(Environment.NewLine, problems));
        return new BaseQuantization(config, path => model.StaysPrecise(path) || config.Skips(path));
    }

    /// <summary>Whether a linear layer (not the head, which stays as it is) is kept in 4 bits.</summary>
    internal bool Quantizes(string path) => !precise(path);

    /// <inheritdoc />
    public void Dispose() => Buffer.Dispose();
}
