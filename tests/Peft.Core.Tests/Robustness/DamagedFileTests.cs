using System.Globalization;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tests.Serialization;
using Peft.Core.Tokenization;
using TorchSharp;

namespace Peft.Core.Tests.Robustness;

/// <summary>
/// Damaged files of every kind: whatever is in them, loading ends soon, either well or with a PeftException that names the file, and takes no
/// memory that the file's length does not account for. The same seeds give the same files.
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class DamagedFileTests
{
    private const int Head = 3000;
    private const long ManagedBase = 128L << 20;
    private const long VirtualBase = 1L << 30;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly string s_data = Path.Combine(AppContext.BaseDirectory, "Goldens", "data");
    private static readonly string s_model = Path.Combine(s_data, "models", "llama");

    [Theory]
    [InlineData("safetensors", 120)]
    [InlineData("archive", 120)]
    [InlineData("row", 120)]
    [InlineData("gguf", 120)]
    [InlineData("config", 160)]
    public void Load_DamagedFile_EndsWellOrWithAPeftException(string kind, int count) => Run(kind, count, seed: 1);

    [Theory]
    [Trait("Category", "Soak")]
    [InlineData("safetensors", 2000)]
    [InlineData("archive", 2000)]
    [InlineData("row", 1500)]
    [InlineData("gguf", 2500)]
    [InlineData("config", 2000)]
    public void Load_ManyDamagedFiles_EndWellOrWithAPeftException(string kind, int count) => Run(kind, count, seed: 1_000_000);

    private static void Run(string kind, int count, int seed)
    {
        using var folder = new TemporaryFolder();
        var originals = Originals(kind, folder);
        var failures = new List<string>();
        for (var i = 0; i < count && failures.Count < 10; i++)
        {
            var mutator = new Mutator(seed + i);
            var (target, original) = originals[i % originals.Count];
            var bytes = kind == "config" ? mutator.MutateJson(original) : mutator.Mutate(original, Math.Min(original.Length, Head));
            File.WriteAllBytes(target, bytes);
            if (Problem(kind, folder.Path, target, bytes.Length) is { } problem)
                failures.Add($"{kind}, seed {seed + i}: {problem}");
        }

        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    /// <summary>The sound files that are damaged, and what has to lie beside them.</summary>
    private static List<(string Target, byte[] Original)> Originals(string kind, TemporaryFolder folder)
    {
        if (kind == "config")
        {
            return [.. Directory.GetFiles(Path.Combine(s_data, "models"), "config.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                .Select(file => (folder.File("config.json"), File.ReadAllBytes(file)))];
        }

        if (kind != "gguf")
            File.Copy(Path.Combine(s_model, "config.json"), folder.File("config.json"));
        var weights = Path.Combine(s_model, "model.safetensors");
        switch (kind)
        {
            case "safetensors":
                return [(folder.File("model.safetensors"), File.ReadAllBytes(weights))];
            case "gguf":
                return [.. Directory.GetFiles(Path.Combine(s_data, "gguf"), "model.gguf", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                    .Select(file => (folder.File("model.gguf"), File.ReadAllBytes(file)))];
            default:
                var path = folder.File("pytorch_model.bin");
                PickleBuilder.Convert(weights, path, row: kind == "row");
                var plain = File.ReadAllBytes(path);
                if (kind == "row")
                    return [(path, plain)];

                // Damage to the directory at the end is as interesting as damage to the pickle in front.
                return [(path, plain), (path, File.ReadAllBytes(Path.Combine(s_data, "peft", "lora_gpt2_default", "final_bin", "adapter_model.bin")))];
        }
    }

    private static string? Problem(string kind, string folder, string target, long length)
    {
        string? problem = null;
        var thread = new Thread(() => problem = Load(kind, folder, target, length));
        thread.Start();
        return thread.Join(s_limit) ? problem : $"still loading after {s_limit.TotalSeconds} s";
    }

    private static string? Load(string kind, string folder, string target, long length)
    {
        var (managed, peak) = (GC.GetAllocatedBytesForCurrentThread(), PeakAddressSpace());
        try
        {
            using var scope = torch.NewDisposeScope();
            using var gradOff = torch.no_grad();
            if (kind == "config")
            {
                _ = ModelConfig.Load(folder).ParameterCount();
            }
            else if (kind == "gguf")
            {
                _ = PretrainedTokenizer.Load(folder).Encode("▁t22 é\0 𝄞", addSpecialTokens: true);
                using var model = BaseModel.Load(folder);
            }
            else
            {
                using (var file = Checkpoint.OpenFile(target))
                {
                    foreach (var name in file.Stored.Keys)
                        file.Tensor(name).sum().Dispose();
                }

                using var model = BaseModel.Load(folder);
            }
        }
        catch (PeftException refused)
        {
            if (!refused.Message.Contains(folder, StringComparison.Ordinal))
                return $"names no file: {refused.Message}";
        }
        catch (Exception other)
        {
            return string.Join(" | ", other.ToString().Split('\n').Take(4));
        }

        managed = GC.GetAllocatedBytesForCurrentThread() - managed;
        peak = PeakAddressSpace() - peak;
        return managed > ManagedBase + (64 * length) ? string.Create(CultureInfo.InvariantCulture, $"allocated {managed:N0} bytes for a file of {length:N0}")
            : peak > VirtualBase + (64 * length) ? string.Create(CultureInfo.InvariantCulture, $"took {peak:N0} bytes of addresses for a file of {length:N0}")
            : null;
    }

    private static long PeakAddressSpace()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmPeak:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan().Trim("VmPeak: \tkB"), CultureInfo.InvariantCulture) * 1024;
    }
}
