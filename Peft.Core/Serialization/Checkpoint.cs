using System.Text.Json;
using Peft.Core.Serialization.Gguf;
using Peft.Core.Serialization.Pickle;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// The weights of a base: <c>model.safetensors</c>, <c>pytorch_model.bin</c> or shards that an index of either lists, in a Hugging Face
/// folder; or a GGUF file, whose tensors go by their Hugging Face names here. What the files say is validated on opening; tensors are
/// mapped when asked for.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private static readonly string[] s_single = ["model.safetensors", "pytorch_model.bin"];

    private readonly Dictionary<string, IWeightFile> files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IWeightFile> fileOf = new(StringComparer.Ordinal);
    private readonly string folder;

    private Checkpoint(string folder) => this.folder = folder;

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => fileOf.Keys;

    /// <summary>The files that hold them.</summary>
    public IReadOnlyList<string> Paths => [.. files.Values.Select(file => file.Path)];

    /// <summary>Opens the weights of a folder, or of a GGUF file.</summary>
    /// <exception cref="PeftException">No weights, a damaged file, or an index that names a tensor its shard lacks.</exception>
    public static Checkpoint Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var checkpoint = new Checkpoint(folder);
        try
        {
            checkpoint.OpenFiles();
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Opens one file of weights by what its name ends with.</summary>
    /// <exception cref="PeftException">The file is missing, damaged, or holds something else than tensors.</exception>
    public static IWeightFile OpenFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) ? TorchFile.Open(path) : SafetensorsFile.Open(path);
    }

    /// <summary>True when some file holds a tensor of that name.</summary>
    public bool Contains(string name) => fileOf.ContainsKey(name);

    /// <summary>What a file says about a tensor.</summary>
    public StoredTensor Entry(string name) => File(name).Stored[name];

    /// <summary>The tensor, mapped where its file allows it; see <see cref="IWeightFile.Tensor"/>.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Tensor(string name) => File(name).Tensor(name);

    /// <summary>The tensor as a copy in memory where its file would map it; see <see cref="SafetensorsFile.Read"/>.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Read(string name) => File(name) is SafetensorsFile file ? file.Read(name) : Tensor(name);

    /// <summary>Gives pages that were only looked at in passing back to the system.</summary>
    public void Forget(string name) => File(name).Forget();

    /// <summary>The file that holds a tensor, for messages.</summary>
    public string PathOf(string name) => File(name).Path;

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var file in files.Values)
            file.Dispose();
        files.Clear();
    }

    private IWeightFile File(string name) => fileOf.TryGetValue(name, out var file)
        ? file
        : throw new PeftException($"{folder}: tensor '{name}' is missing from the weights.");

    private void OpenFiles()
    {
        if (GgufHeader.Find(folder) is { } gguf)
        {
            Add(gguf, GgufWeights.Open(gguf));
            return;
        }

        foreach (var name in s_single)
        {
            if (System.IO.File.Exists(Path.Combine(folder, name)))
            {
                Add(name, OpenFile(Path.Combine(folder, name)));
                return;
            }

            if (System.IO.File.Exists(Path.Combine(folder, name + ".index.json")))
            {
                OpenShards(Path.Combine(folder, name + ".index.json"));
                return;
            }
        }

        throw new PeftException($"{folder}: no weights found: expected {string.Join(" or ", s_single.Select(name => $"{name} (or {name}.index.json with its shards)"))}.");
    }

    private void Add(string fileName, IWeightFile file)
    {
        files.Add(fileName, file);
        foreach (var name in file.Stored.Keys)
            fileOf.Add(name, file);
    }

    private void OpenShards(string index)
    {
        foreach (var (name, shard) in ReadIndex(index))
        {
            if (!files.TryGetValue(shard, out var file))
            {
                file = OpenFile(Path.Combine(folder, shard));
                files.Add(shard, file);
            }

            fileOf[name] = file.Stored.ContainsKey(name) ? file : throw new PeftException($"{index}: tensor '{name}' should be in {shard}, but is not.");
        }
    }

    private static Dictionary<string, string> ReadIndex(string index)
    {
        try
        {
            using var document = JsonDocument.Parse(System.IO.File.ReadAllBytes(index));
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var item in document.RootElement.GetProperty("weight_map").EnumerateObject())
                map[item.Name] = Path.GetFileName(item.Value.GetString()) is { Length: > 0 } shard ? shard : throw new PeftException($"{index}: tensor '{item.Name}' has no file.");
            return map;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{index}: no valid index of shards: {error.Message}", error);
        }
    }
}
