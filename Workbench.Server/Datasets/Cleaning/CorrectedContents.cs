using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data.Cleaning;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Cleaning;

/// <summary>A record with corrected texts. Places of entities and answers move with their words.</summary>
internal static class CorrectedContents
{
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static RecordContent Of(RecordDto record, CleaningItem corrected, DatasetKind kind)
    {
        var beside = record.Beside is { } fields ? JsonNode.Parse(fields.GetRawText())!.AsObject() : null;
        if (beside is not null)
            Move(beside, "entities", record.Input, corrected.Input);
        if (kind == DatasetKind.Instruction)
        {
            return new RecordContent(corrected.Instruction, corrected.Input, corrected.Output, record.Source,
                RelationForms.TryRead(corrected.Instruction, corrected.Input, corrected.Output), Beside: beside?.ToJsonString(s_plain));
        }

        var data = JsonNode.Parse(record.Data!.Value.GetRawText())!.AsObject();
        var field = kind == DatasetKind.QuestionAnswering ? "context" : "text";
        var old = (string)data[field]!;

        // A pair of texts is shown as one; its parts are corrected by themselves.
        data[field] = Corrected(old);
        if (data["text_pair"] is { } pair)
            data["text_pair"] = Corrected((string)pair!);
        if (data["question"] is { } question)
            data["question"] = Corrected((string)question!);
        Move(data, "entities", old, Corrected(old));
        Move(data, "answers", old, Corrected(old));
        return TaskContents.Of(kind, JsonSerializer.SerializeToElement(data), record.Source) with { Beside = beside?.ToJsonString(s_plain) };
    }

    private static string Corrected(string text)
    {
        var plain = TextChange.HasHtml(text) ? TextChange.WithoutHtml(text).Text : text;
        return plain.Trim();
    }

    private static void Move(JsonObject owner, string list, string old, string text)
    {
        if (owner[list] is not JsonArray spans || old == text)
            return;
        foreach (var span in spans.OfType<JsonObject>())
        {
            foreach (var name in (string[])["start", "end", "answer_start"])
            {
                if (span[name] is JsonValue value && value.TryGetValue<int>(out var at))
                    span[name] = Place(old, text, at);
            }

            if (span is { } entity && (int?)entity["start"] is { } start && (int?)entity["end"] is { } end && entity.ContainsKey("text") && start < end && end <= text.Length)
                entity["text"] = text[start..end];
        }
    }

    /// <summary>Follows a place through the corrections in the order in which they were made.</summary>
    private static int Place(string old, string text, int at)
    {
        var place = Math.Clamp(at, 0, old.Length);
        foreach (var step in (Func<string, TextChange>[])[TextChange.WithoutHtml, TextChange.Trimmed, TextChange.Masked])
        {
            if (old == text)
                break;
            var change = step(old);
            place = change.Places[place];
            old = change.Text;
        }

        return place;
    }
}
