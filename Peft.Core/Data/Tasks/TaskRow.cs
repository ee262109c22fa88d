using System.Text.Json;

namespace Peft.Core.Data.Tasks;

/// <summary>One row while it is being read: takes fields out of it and notes what is wrong with them.</summary>
internal sealed class TaskRow(JsonElement element, string file, int line, List<DataProblem> problems)
{
    private readonly int before = problems.Count;

    /// <summary>Whether nothing was wrong so far.</summary>
    public bool Usable => problems.Count == before;

    /// <summary>Whether the row has a field.</summary>
    public bool Has(string field) => element.TryGetProperty(field, out _);

    /// <summary>A field as it stands; null when it is absent.</summary>
    public JsonElement? Element(string field) => element.TryGetProperty(field, out var value) ? value : null;

    /// <summary>A text that must be there and not be blank.</summary>
    public string? Text(string field)
    {
        var count = problems.Count;
        var text = JsonRows.Text(element, field, required: true, file, line, problems);
        if (problems.Count == count && string.IsNullOrWhiteSpace(text))
            Say(field, "is empty.");
        return text;
    }

    /// <summary>A text that may be absent.</summary>
    public string? Optional(string field) => JsonRows.Text(element, field, required: false, file, line, problems);

    /// <summary>The label of a text.</summary>
    public ClassLabel? Label()
    {
        if (!element.TryGetProperty("label", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            Say("label", "is missing.");
            return null;
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.String when value.GetString() is { Length: > 0 } name:
                return ClassLabel.Of(name);
            case JsonValueKind.Number when double.IsFinite(value.GetDouble()):
                return ClassLabel.Of(value.GetDouble());
            case JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String && item.GetString()!.Length > 0):
                return ClassLabel.Of(value.EnumerateArray().Select(item => item.GetString()!).Distinct(StringComparer.Ordinal));
            default:
                Say("label", "must be a text, a list of texts, or a number, and no text may be empty.");
                return null;
        }
    }

    /// <summary>The entities of a text, in its order.</summary>
    public IReadOnlyList<EntitySpan> Entities(string text)
    {
        var entities = new List<EntitySpan>();
        foreach (var (item, name) in Items("entities"))
        {
            var (start, end) = (Whole(item, "start", name), Whole(item, "end", name));
            var type = JsonRows.Text(item, "type", required: true, file, line, problems);
            var marked = JsonRows.Text(item, "text", required: false, file, line, problems);
            if (start is null || end is null || type is null)
                continue;
            if (type.Length == 0)
                Say(name, "has an empty type.");
            else if (start < 0 || end <= start || end > text.Length)
                Say(name, $"spans {start} to {end}, but the text has {text.Length} UTF-16 units.");
            else if (marked is not null && marked != text[start.Value..end.Value])
                Say(name, $"is '{marked}', but the text says '{text[start.Value..end.Value]}' from {start} to {end} (UTF-16 units, end exclusive).");
            else
                entities.Add(new EntitySpan(start.Value, end.Value, type) { Text = marked });
        }

        entities.Sort((a, b) => a.Start.CompareTo(b.Start));
        for (var i = 1; i < entities.Count; i++)
        {
            if (entities[i].Start < entities[i - 1].End)
                Say("entities", $"{entities[i - 1].Start}-{entities[i - 1].End} and {entities[i].Start}-{entities[i].End} overlap; a token can carry one label only.");
        }

        return entities;
    }

    /// <summary>The answers to a question, checked against the text.</summary>
    public IReadOnlyList<AnswerSpan> Answers(string context)
    {
        var answers = new List<AnswerSpan>();
        foreach (var (item, name) in Items("answers"))
        {
            var text = JsonRows.Text(item, "text", required: true, file, line, problems);
            if (text is null || Whole(item, "answer_start", name) is not { } start)
                continue;
            if (Place(context, text, start) is { } place)
                answers.Add(new AnswerSpan(text, place));
            else
                Say(name, $"'{text}' does not stand at {start} of the context.");
        }

        return answers;
    }

    /// <summary>Offsets are UTF-16 units; files made by Python count code points, which differ behind characters outside the basic plane.</summary>
    private static int? Place(string context, string text, int start)
    {
        bool Stands(int at) => text.Length > 0 && at >= 0 && at <= context.Length - text.Length && string.CompareOrdinal(context, at, text, 0, text.Length) == 0;
        if (Stands(start))
            return start;
        var units = context.EnumerateRunes().Take(Math.Max(0, start)).Sum(rune => rune.Utf16SequenceLength);
        return Stands(units) ? units : null;
    }

    /// <summary>The objects of a list with what to call each.</summary>
    public IEnumerable<(JsonElement Item, string Name)> Items(string field)
    {
        if (!element.TryGetProperty(field, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            Say(field, "is missing or no list.");
            yield break;
        }

        var number = 0;
        foreach (var item in list.EnumerateArray())
        {
            var name = $"{field}[{number++}]";
            if (item.ValueKind == JsonValueKind.Object)
                yield return (item, name);
            else
                Say(name, $"must be an object, but is {JsonRows.Kind(item)}.");
        }
    }

    private int? Whole(JsonElement item, string field, string name)
    {
        if (item.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number))
            return number;
        Say($"{name}.{field}", "must be a whole number.");
        return null;
    }

    /// <summary>Notes what is wrong with a field.</summary>
    public void Say(string field, string message) => problems.Add(new DataProblem(file, line, null, field, message));
}
