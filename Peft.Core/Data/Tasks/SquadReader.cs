using System.Text.Json;

namespace Peft.Core.Data.Tasks;

/// <summary>Reads SQuAD files: <c>{"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}</c>.</summary>
internal static class SquadReader
{
    /// <summary>Whether bytes look like a SQuAD file.</summary>
    public static bool IsSquad(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(WithoutMark(utf8));
            return IsSquad(document.RootElement);
        }
        catch (JsonException)
        {
            return false; // several lines of JSON, or none at all: another reader says what is wrong
        }
    }

    /// <summary>The questions; null when it is no SQuAD file.</summary>
    public static TaskFile<QuestionRecord>? TryParse(ReadOnlyMemory<byte> utf8, string file)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(WithoutMark(utf8));
        }
        catch (JsonException)
        {
            return null; // as above
        }

        using (document)
            return IsSquad(document.RootElement) ? Read(document.RootElement, file) : null;
    }

    private static TaskFile<QuestionRecord> Read(JsonElement root, string file)
    {
        var (records, numbers, problems) = (new List<QuestionRecord>(), new List<int>(), new List<DataProblem>());
        var number = 0;
        foreach (var paragraph in Lists(root, "data").SelectMany(article => Lists(article, "paragraphs")))
        {
            var context = new TaskRow(paragraph, file, number + 1, problems).Text("context");
            foreach (var question in Lists(paragraph, "qas"))
            {
                var row = new TaskRow(question, file, ++number, problems);
                var text = row.Text("question");
                var answers = row.Answers(context ?? "");
                if (!row.Usable || context is null)
                    continue;
                records.Add(new QuestionRecord(text!, context, answers) { Id = row.Optional("id") });
                numbers.Add(number);
            }
        }

        return new TaskFile<QuestionRecord>(records, numbers, problems);
    }

    private static bool IsSquad(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Array;

    private static IEnumerable<JsonElement> Lists(JsonElement element, string field) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(field, out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray()]
            : [];

    private static ReadOnlyMemory<byte> WithoutMark(ReadOnlyMemory<byte> utf8) => utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
}
