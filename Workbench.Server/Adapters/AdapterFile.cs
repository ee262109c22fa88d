using System.Text.Json;
using System.Text.Json.Serialization;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Adapters;

/// <summary>What the workbench knows about an adapter that no run made; lies beside its files.</summary>
internal sealed record AdapterFile
{
    public const string Name = "adapter.json";

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public required string Title { get; init; }
    public required AdapterSource Source { get; init; }
    public string? ModelId { get; init; }

    /// <summary>What it was made of, in words.</summary>
    public string? Origin { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public static AdapterFile? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<AdapterFile>(File.ReadAllBytes(path), s_json) : null;
        }
        catch (JsonException)
        {
            // Written atomically, so this is somebody's editing; the folder is then nobody's adapter.
            return null;
        }
    }

    public void Write(string folder) => AtomicFolder.WriteFile(Path.Combine(folder, Name), JsonSerializer.SerializeToUtf8Bytes(this, s_json));
}
