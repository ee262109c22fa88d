using Peft.Core.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests;

/// <summary>The two tiny Llama bases of the recorded cases, and batches for them.</summary>
internal static class TinyBase
{
    public const string Plain = "llama";
    public const string WithBiases = "llama_bias";

    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "peft", "_bases", name);

    public static CausalLanguageModel Load(string name, string dtype = "float32") =>
        CausalLanguageModel.Load(Folder(name), new ModelLoadOptions { Dtype = dtype });

    /// <summary>Token ids [rows, length] that depend on the seed alone.</summary>
    public static Tensor Ids(int rows = 3, int length = 10, int seed = 5)
    {
        var random = new Random(seed);
        return tensor(Enumerable.Range(0, rows * length).Select(_ => (long)random.Next(3, 120)).ToArray(), rows, length);
    }

    /// <summary>A copy of a base in a temporary folder, to be damaged.</summary>
    public static TemporaryFolder Copy(string name)
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Folder(name)))
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        return folder;
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("peft-test-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
