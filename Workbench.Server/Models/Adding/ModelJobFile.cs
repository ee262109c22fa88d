using System.Text.Json;
using System.Text.Json.Serialization;
using Peft.Core.Hub;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Models.Adding;

/// <summary>A job as it lies on the disk, so that a restarted server goes on with it. How far it is stands in the files themselves.</summary>
internal sealed record ModelJobFile
{
    private const string Name = "job.json";

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public required string Id { get; init; }
    public required ModelJobKind Kind { get; init; }
    public required ModelJobState State { get; init; }

    /// <summary>The model's name here.</summary>
    public required string Model { get; init; }

    public string Endpoint { get; init; } = "";
    public string HubId { get; init; } = "";
    public string Revision { get; init; } = "";
    public IReadOnlyList<HubFile> Files { get; init; } = [];
    public string? Message { get; init; }
    public bool NeedsToken { get; init; }
    public bool CanKeep { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    [JsonIgnore]
    public long TotalBytes => Files.Sum(file => file.Size);

    public static ModelJobFile? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<ModelJobFile>(File.ReadAllBytes(path), s_json) : null;
        }
        catch (JsonException)
        {
            // Written atomically, so this is somebody's editing; the folder is then nobody's job.
            return null;
        }
    }

    public void Write(string folder) => AtomicFolder.WriteFile(Path.Combine(folder, Name), JsonSerializer.SerializeToUtf8Bytes(this, s_json));
}
