using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Data.Import.Formats;

/// <summary>
/// Questions with answers that stand in a text. One row is one question: flattened SQuAD, Hugging Face's columns (<c>answers.text</c>,
/// <c>answers.answer_start</c>), or answers without places (CMRC 2018's own form), which are looked up.
/// </summary>
internal sealed class QuestionRows(ImportOptions options) : RowReader
{
    private int codePoints;
    private int units;

    public static bool Fits(JsonElement row) =>
        RowFields.Has(row, "question") && RowFields.Has(row, "context") && RowFields.Find(row, "answers") is { ValueKind: JsonValueKind.Array or JsonValueKind.Object };

    public override bool NeedsSurvey => true;

    /// <inheritdoc />
    public override OffsetUnit? Unit => units > codePoints ? OffsetUnit.Utf16 : codePoints > units ? OffsetUnit.CodePoint : options.OffsetUnit ?? OffsetUnit.CodePoint;

    public override void Survey(JsonElement row)
    {
        if (!RowFields.Has(row, "context", JsonValueKind.String) || row.GetProperty("context").GetString() is not { } context || !new CodePoints(context).Differ)
            return;
        var places = new CodePoints(context);
        foreach (var (text, start) in Answers(row))
        {
            if (text is null || start is not { } at)
                continue;
            var (byUnit, byPoint) = (Stands(context, text, at), places.ToUtf16(at) is { } unit && Stands(context, text, unit));
            units += byUnit && !byPoint ? 1 : 0;
            codePoints += byPoint && !byUnit ? 1 : 0;
        }
    }

    public override IEnumerable<ImportNote> FileNotes() =>
        units > codePoints ? [ImportNote.Told("offset-unit-detected", "Offsets count UTF-16 units, as the answers show.")] : [];

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var (question, context) = (RowFields.Required(row, "question"), RowFields.Required(row, "context"));
        if (question.Length == 0)
            throw new RowException("question", "Field 'question' is empty.");
        var places = new CodePoints(context);
        var answers = new List<AnswerSpan>();
        var number = 0;
        foreach (var (text, start) in Answers(row))
        {
            var field = $"answers[{number++}]";
            if (text is null)
                throw new RowException(field, $"Field '{field}' has no text.");
            answers.Add(new AnswerSpan(text, Place(context, places, text, start, field, notes)));
        }

        var rest = RowFields.Rest(row, ["question", "context", "answers"]) ?? [];
        if (answers.Count == 0 && !rest.ContainsKey("is_impossible"))
            notes.Add(ImportNote.Told("no-answer", "The question has no answer; it counts as one that the text does not answer.", "answers"));
        yield return Reading.Of(
            new ImportedTask(new QuestionRecord(question, context, answers) { Id = RowFields.Any(row, "id") })
            {
                Id = RowFields.Any(row, "id"), Split = RowFields.Split(row), Fields = rest.Count > 0 ? rest : null,
            },
            notes);
    }

    private int Place(string context, CodePoints places, string text, int? start, string field, List<ImportNote> notes)
    {
        if (text.Length == 0)
            throw new RowException(field, $"Field '{field}' is empty.");
        if (start is { } at)
        {
            var own = Unit == OffsetUnit.Utf16 ? at : places.ToUtf16(at);
            var other = Unit == OffsetUnit.Utf16 ? places.ToUtf16(at) : at;
            if (own is { } first && Stands(context, text, first))
                return first;
            if (other is { } second && Stands(context, text, second))
                return second;
        }

        var found = context.IndexOf(text, StringComparison.Ordinal);
        if (found < 0)
            throw new RowException(field, $"The answer '{text}' does not occur in the context.");
        var again = context.IndexOf(text, found + 1, StringComparison.Ordinal) >= 0;
        if (start is not null && again)
            throw new RowException(field, $"The answer '{text}' does not stand at {start}, and the context has it several times.");
        if (start is not null)
            notes.Add(ImportNote.Changed("offset-text-mismatch-repaired", $"The answer '{text}' does not stand at {start}; it is found once, at {found}.", field));
        else if (again)
            notes.Add(ImportNote.Changed("answer-place-found", $"The file says no place for '{text}', and the context has it several times; the first is taken.", field));
        return found;
    }

    private static bool Stands(string context, string text, int at) =>
        at >= 0 && at <= context.Length - text.Length && string.CompareOrdinal(context, at, text, 0, text.Length) == 0;

    private static IEnumerable<(string? Text, int? Start)> Answers(JsonElement row)
    {
        if (RowFields.Find(row, "answers") is not { } answers)
            yield break;
        if (answers.ValueKind == JsonValueKind.Object)
        {
            var texts = Items(answers, "text").ToArray();
            var starts = Items(answers, "answer_start").ToArray();
            for (var i = 0; i < texts.Length; i++)
                yield return (texts[i].ValueKind == JsonValueKind.String ? texts[i].GetString() : null, i < starts.Length ? Number(starts[i]) : null);
            yield break;
        }

        if (answers.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (var answer in answers.EnumerateArray())
        {
            yield return answer.ValueKind == JsonValueKind.String
                ? (answer.GetString(), null)
                : (RowFields.Find(answer, "text") is { ValueKind: JsonValueKind.String } text ? text.GetString() : null, RowFields.Find(answer, "answer_start") is { } start ? Number(start) : null);
        }
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement element, string field) =>
        RowFields.Find(element, field) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : default;

    private static int? Number(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number : null;
}

/// <summary>SQuAD and CMRC 2018 files flattened to one row a question.</summary>
internal static class QuestionFiles
{
    /// <summary>Whether a whole file is SQuAD: <c>data</c> of <c>paragraphs</c> of <c>qas</c>.</summary>
    public static bool IsSquad(JsonElement root) =>
        RowFields.Find(root, "data") is { ValueKind: JsonValueKind.Array } data && (data.GetArrayLength() == 0 || RowFields.Has(data[0], "paragraphs"));

    /// <summary>Whether a row is an article of CMRC 2018's own form.</summary>
    public static bool IsCmrc(JsonElement row) => RowFields.Has(row, "context_text") && RowFields.Has(row, "qas", JsonValueKind.Array);

    /// <summary>Questions of a SQuAD file.</summary>
    public static IEnumerable<JsonObject> Squad(JsonElement root)
    {
        foreach (var article in root.GetProperty("data").EnumerateArray())
        {
            foreach (var paragraph in RowFields.List(article, "paragraphs"))
            {
                foreach (var question in RowFields.List(paragraph, "qas"))
                {
                    var row = (JsonObject)RowFields.Node(question)!;
                    row["context"] = RowFields.Find(paragraph, "context") is { } context ? RowFields.Node(context) : null;
                    if (RowFields.Any(article, "title") is { } title)
                        row["title"] = title;
                    yield return row;
                }
            }
        }
    }

    /// <summary>Questions of one article of CMRC 2018's own form.</summary>
    public static IEnumerable<JsonObject> Cmrc(JsonElement article)
    {
        foreach (var question in RowFields.List(article, "qas"))
        {
            yield return new JsonObject
            {
                ["id"] = RowFields.Any(question, "query_id"),
                ["question"] = RowFields.Any(question, "query_text"),
                ["context"] = RowFields.Any(article, "context_text"),
                ["answers"] = new JsonArray([.. RowFields.List(question, "answers").Select(RowFields.Any).Distinct(StringComparer.Ordinal).Select(text => (JsonNode)text)]),
                ["title"] = RowFields.Any(article, "title"),
            };
        }
    }
}
