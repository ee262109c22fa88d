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
            Move(beside, "entities", record.Input, Steps(record.Input, corrected.Input));
        if (kind == DatasetKind.Instruction)
        {
            return new RecordContent(corrected.Instruction, corrected.Input, corrected.Output, record.Source,
                RelationForms.TryRead(corrected.Instruction, corrected.Input, corrected.Output), Beside: beside?.ToJsonString(s_plain));
        }

        var data = JsonNode.Parse(record.Data!.Value.GetRawText())!.AsObject();
        var steps = Steps(record.Input, corrected.Input);
        var field = kind == DatasetKind.QuestionAnswering ? "context" : "text";
        var old = (string)data[field]!;
        data[field] = Followed(old, steps);

        // A pair of texts is shown as one; its parts are corrected by themselves.
        if (data["text_pair"] is { } pair)
            data["text_pair"] = Followed((string)pair!, steps);
        if (data.ContainsKey("question"))
            data["question"] = corrected.Instruction;
        Move(data, "entities", old, steps);
        Move(data, "answers", old, steps);
        return TaskContents.Of(kind, JsonSerializer.SerializeToElement(data), record.Source) with { Beside = beside?.ToJsonString(s_plain) };
    }

    /// <summary>The corrections that lead from one text to another, in the order in which rules make them.</summary>
    private static IReadOnlyList<Func<string, TextChange>> Steps(string old, string text)
    {
        Func<string, TextChange>[] all = [TextChange.WithoutHtml, TextChange.Trimmed, TextChange.Masked];
        for (var chosen = 0; chosen < 1 << all.Length; chosen++)
        {
            var steps = all.Where((_, i) => (chosen & (1 << i)) != 0).ToArray();
            if (Followed(old, steps) == text)
                return steps;
        }

        throw new InvalidOperationException("A text was corrected in a way that its places cannot follow.");
    }

    private static string Followed(string text, IReadOnlyList<Func<string, TextChange>> steps) => steps.Aggregate(text, (at, step) => step(at).Text);

    private static void Move(JsonObject owner, string list, string old, IReadOnlyList<Func<string, TextChange>> steps)
    {
        if (owner[list] is not JsonArray spans || steps.Count == 0)
            return;
        var text = Followed(old, steps);
        foreach (var span in spans.OfType<JsonObject>())
        {
            foreach (var name in (string[])["start", "end", "answer_start"])
            {
                if (span[name] is JsonValue value && value.TryGetValue<int>(out var at))
                    span[name] = Place(old, steps, at);
            }

            if ((int?)span["start"] is { } start && (int?)span["end"] is { } end && span.ContainsKey("text") && start < end && end <= text.Length)
                span["text"] = text[start..end];
            if ((int?)span["answer_start"] is not null && (string?)span["text"] is { } answer)
                span["text"] = Followed(answer, steps);
        }
    }

    private static int Place(string old, IReadOnlyList<Func<string, TextChange>> steps, int at)
    {
        var place = Math.Clamp(at, 0, old.Length);
        foreach (var change in steps.Select(step => step(old)))
        {
            place = change.Places[place];
            old = change.Text;
        }

        return place;
    }
}
