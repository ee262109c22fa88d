using System.Text.Json;
using Peft.Core.Runs;

namespace Peft.FakeTrainer;

/// <summary>
/// The "weights": a state that every step stirs and that the loss is computed from, so a resume that forgets or repeats anything shows in
/// every later loss, bit for bit.
/// </summary>
internal sealed record FakeModel(int Step, ulong State, long Tokens, double Seconds)
{
    public static FakeModel Fresh(int seed) => new(0, (ulong)seed + 0x9E3779B97F4A7C15UL, 0, 0);

    public double Loss
    {
        get
        {
            var noise = ((State >> 11) * (1.0 / (1UL << 53))) - 0.5;
            return 0.4 + (3.5 / (1 + (Step / 40.0))) + (0.2 * noise);
        }
    }

    public FakeModel Next(double seconds)
    {
        var state = State;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return new FakeModel(Step + 1, state, Tokens + 512 + (long)(state % 64), Seconds + seconds);
    }

    public void Save(RunPaths paths, int ballast) => AtomicFolder.Write(paths.Checkpoint(Step), folder =>
    {
        File.WriteAllBytes(Path.Combine(folder, "state.json"), JsonSerializer.SerializeToUtf8Bytes(this));
        SaveAdapter(Path.Combine(folder, "adapter"), ballast);
    });

    public static void SaveAdapter(string folder, int ballast)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), """{"peft_type":"LORA","r":8}""");
        File.WriteAllBytes(Path.Combine(folder, "adapter_model.safetensors"), new byte[ballast + 16]);
    }

    public static FakeModel Load(string folder) =>
        JsonSerializer.Deserialize<FakeModel>(File.ReadAllBytes(Path.Combine(folder, "state.json")))
        ?? throw new InvalidDataException(folder + ": empty state");
}
