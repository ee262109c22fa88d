using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Chat;

/// <summary>A chat template that comes with the workbench, for bases without one.</summary>
/// <param name="Name">Its name, as <c>chat_template</c> takes it.</param>
/// <param name="Source">The Jinja text.</param>
/// <param name="Markers">Texts that begin or end turns; a base whose vocabulary lacks them as tokens was not made for this template.</param>
public sealed record BuiltInTemplate(string Name, string Source, IReadOnlyList<string> Markers)
{
    private const string Prefix = "chat-templates/";

    internal static IReadOnlyDictionary<string, BuiltInTemplate> ReadAll()
    {
        var assembly = typeof(BuiltInTemplate).Assembly;
        string Text(string name)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name) ?? throw new PeftException($"{name} is missing among the resources of {assembly.FullName}."));
            return reader.ReadToEnd();
        }

        var list = JsonNode.Parse(Text(Prefix + "templates.json"), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip })!.AsObject();
        return list.ToDictionary(
            entry => entry.Key,
            entry => new BuiltInTemplate(entry.Key, Text($"{Prefix}{entry.Key}.jinja"), [.. entry.Value!["markers"]!.AsArray().Select(marker => marker!.GetValue<string>())]),
            StringComparer.Ordinal);
    }
}
