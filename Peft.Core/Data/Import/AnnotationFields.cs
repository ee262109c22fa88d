using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import;

/// <summary>Annotations as JSON fields beside a record, and back.</summary>
public static class AnnotationFields
{
    /// <summary>Everything an annotated text says beyond its text, as fields; null when that is nothing.</summary>
    public static JsonObject? Beside(ImportedAnnotation one)
    {
        ArgumentNullException.ThrowIfNull(one);
        var fields = (JsonObject?)one.Fields?.DeepClone() ?? [];
        if (one.Entities.Count > 0)
            fields["entities"] = new JsonArray([.. one.Entities.Select((entity, i) => (JsonNode)Entity(entity, i))]);
        if (one.Relations.Count > 0)
        {
            fields["relations"] = new JsonArray([.. one.Relations.Select(relation => (JsonNode)new JsonObject
            {
                ["head"] = $"T{relation.Head + 1}", ["tail"] = $"T{relation.Tail + 1}", ["type"] = relation.Type, ["symmetric"] = relation.Symmetric,
            })]);
        }

        Add(fields, "choices", one.Choices);
        Add(fields, "notes", one.Notes);
        Add(fields, "comments", one.Comments);
        if (one.Meta.Count > 0)
            fields["meta"] = new JsonObject(one.Meta.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        foreach (var (name, value) in new[] { ("source_id", one.Id), ("annotation_id", one.AnnotationId), ("document", one.Document), ("model_version", one.ModelVersion) })
        {
            if (value is not null)
                fields[name] = value;
        }

        if (one.Score is { } score)
            fields["score"] = score;
        if (one.Equivalences.Count > 0)
            fields["equivalences"] = new JsonArray([.. one.Equivalences.Select(group => (JsonNode)new JsonArray([.. group.Select(i => (JsonNode)$"T{i + 1}")]))]);
        return fields.Count > 0 ? fields : null;
    }

    private static JsonObject Entity(ImportedEntity entity, int index)
    {
        var made = new JsonObject { ["id"] = $"T{index + 1}", ["start"] = entity.Start, ["end"] = entity.End, ["type"] = entity.Type, ["text"] = entity.Text };
        if (entity.Fragments.Count > 0)
            made["fragments"] = new JsonArray([.. entity.Fragments.Select(piece => (JsonNode)new JsonArray(piece.Start, piece.End))]);
        Add(made, "notes", entity.Notes);
        if (entity.Attributes.Count > 0)
            made["attributes"] = new JsonObject(entity.Attributes.Select(pair => KeyValuePair.Create(pair.Key, pair.Value is null ? JsonValue.Create(true) : (JsonNode?)pair.Value)));
        return made;
    }

    private static void Add(JsonObject fields, string name, IReadOnlyList<string> texts)
    {
        if (texts.Count > 0)
            fields[name] = new JsonArray([.. texts.Select(text => (JsonNode)text)]);
    }
}
