using System.Text.Json;

namespace Workbench.Server.Models;

/// <summary>Where a downloaded model came from; lies beside its files.</summary>
internal sealed record ModelOrigin(string Endpoint, string Id, string Revision)
{
    public const string FileName = "workbench-origin.json";

    public static ModelOrigin? Read(string path)
    {
        var folder = ModelPlaces.FolderOf(path);
        // A GGUF file may lie in a folder of the model's.
        var file = new[] { folder, Path.GetDirectoryName(folder) ?? folder }.Select(place => Path.Combine(place, FileName)).FirstOrDefault(File.Exists) ?? "";
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<ModelOrigin>(File.ReadAllBytes(file), JsonSerializerOptions.Web) : null;
        }
        catch (JsonException)
        {
            // A hint and nothing else: a damaged one is as good as none.
            return null;
        }
    }

    public void Write(string folder) => File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, JsonSerializerOptions.Web));

    public override string ToString() => $"{Id} @ {(Revision.Length == 40 ? Revision[..12] : Revision)}, {Endpoint}";
}
