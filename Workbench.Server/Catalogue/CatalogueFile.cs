using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Workbench.Server.Catalogue;

/// <summary>An entry of <c>catalogue.json</c>: what is published about a base model, with its <c>config.json</c> fields.</summary>
internal sealed record CatalogueItem(
    string Id, string Name, string Family, string Kind, string Date, string? Hub, string Licence, IReadOnlyList<string> Languages, bool Lecture,
    long? Parameters, string? Rounded, string Position, string Attention, string Activation, string Norm, string? CountTask, string Source, JsonObject Config)
{
    /// <summary><c>model_type</c> of the config.</summary>
    public string ModelType => Config["model_type"]!.GetValue<string>();

    /// <summary>Whether the engine computes this architecture; every one that it registers agrees with recorded runs of the original.</summary>
    public bool IsSupported => ModelRegistry.All.Any(m => m.ModelType == ModelType);

    /// <summary>The config as the engine reads it.</summary>
    /// <exception cref="Peft.Core.PeftException">The engine does not compute the architecture, or a field is unusable.</exception>
    public ModelConfig Read() => ModelConfig.Read(ConfigReader.From($"catalogue.json, entry '{Id}'", Config), CountTask is null ? null : ModelTasks.Parse(CountTask));
}

/// <summary>The catalogue that comes with the program.</summary>
internal static class CatalogueFile
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public static IReadOnlyList<CatalogueItem> Items { get; } = Read();

    private static CatalogueItem[] Read()
    {
        using var stream = typeof(CatalogueFile).Assembly.GetManifestResourceStream("Workbench.Server.Catalogue.catalogue.json")!;
        return JsonSerializer.Deserialize<CatalogueItem[]>(stream, s_options)!;
    }
}
