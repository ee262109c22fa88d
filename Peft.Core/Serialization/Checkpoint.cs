using System.Text.Json;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// The weights in a Hugging Face folder: <c>model.safetensors</c>, or shards listed in <c>model.safetensors.index.json</c>. Headers are
/// validated on opening; tensors are mapped when asked for.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly Dictionary<string, SafetensorsFile> files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> fileOf = new(StringComparer.Ordinal);
    private readonly string folder;

    private Checkpoint(string folder) => this.folder = folder;

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => fileOf.Keys;

    /// <summary>Opens the weights of a folder.</summary>
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

    /// <summary>True when some file holds a tensor of that name.</summary>
    public bool Contains(string name) => fileOf.ContainsKey(name);

    /// <summary>What the header says about a tensor.</summary>
    public SafetensorsEntry Entry(string name) => File(name).Header.Entries[name];

    /// <summary>The mapped tensor; see <see cref="SafetensorsFile.Tensor"/>.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Tensor(string name) => File(name).Tensor(name);

    /// <summary>A copy of the tensor in memory; see <see cref="SafetensorsFile.Read"/>.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Read(string name) => File(name).Read(name);

    /// <summary>The file that holds a tensor, for messages.</summary>
    public string PathOf(string name) => File(name).Header.Path;

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var file in files.Values)
            file.Dispose();
        files.Clear();
    }

    private SafetensorsFile File(string name) => fileOf.TryGetValue(name, out var file)
        ? files[file]
        : throw new PeftException($"{folder}: tensor '{name}' is missing from the weights.");

    private void OpenFiles()
    {
        var single = Path.Combine(folder, "model.safetensors");
        var index = Path.Combine(folder, "model.safetensors.index.json");
        if (System.IO.File.Exists(single))
        {
            foreach (var name in OpenFile("model.safetensors").Names)
                fileOf.Add(name, "model.safetensors");
            return;
        }

        if (!System.IO.File.Exists(index))
            throw new PeftException($"{folder}: no weights found: expected model.safetensors or model.safetensors.index.json.");
        foreach (var (name, shard) in ReadIndex(index))
        {
            if (!files.TryGetValue(shard, out var file))
                file = OpenFile(shard);
            if (!file.Contains(name))
                throw new PeftException($"{index}: tensor '{name}' should be in {shard}, but is not.");
            fileOf[name] = shard;
        }
    }

    private SafetensorsFile OpenFile(string fileName)
    {
        var file = SafetensorsFile.Open(Path.Combine(folder, fileName));
        files.Add(fileName, file);
        return file;
    }

    private static Dictionary<string, string> ReadIndex(string index)
    {
        try
        {
            using var document = JsonDocument.Parse(System.IO.File.ReadAllBytes(index));
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var item in document.RootElement.GetProperty("weight_map").EnumerateObject())
                map[item.Name] = Path.GetFileName(item.Value.GetString() ?? "");
            return map;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new PeftException($"{index}: no valid index of shards: {error.Message}", error);
        }
    }
}
