using System.Globalization;
using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Datasets;

/// <summary>A mention that is being marked: its words, what it is, and where it stands when that is known.</summary>
public sealed class MentionDraft
{
    public string Words { get; set; } = "";

    public string Type { get; set; } = "";

    public int? Start { get; set; }
}

/// <summary>A stretch of a text that is marked as something.</summary>
public sealed record MarkedSpan(int Start, int End, string Type);

/// <summary>A record that is no instruction while it is typed or changed, and the JSON that it is saved as.</summary>
public sealed class TaskDraft(DatasetKind kind)
{
    private static readonly char[] s_separators = [',', '，', '、'];

    private bool _many;
    private bool _number;

    public DatasetKind Kind { get; } = kind;

    public string Text { get; set; } = "";

    public string TextPair { get; set; } = "";

    public string Label { get; set; } = "";

    public List<MentionDraft> Mentions { get; } = [new()];

    public string Question { get; set; } = "";

    public List<MentionDraft> Answers { get; } = [new()];

    public static TaskDraft Of(DatasetKind kind, JsonElement data)
    {
        var draft = new TaskDraft(kind) { Text = Read(data, "text"), TextPair = Read(data, "text_pair"), Question = Read(data, "question") };
        if (kind == DatasetKind.QuestionAnswering)
            draft.Text = Read(data, "context");
        if (data.TryGetProperty("label", out var label))
            draft.TakeLabel(label);
        Fill(draft.Mentions, data, "entities", item => new MentionDraft
        {
            Words = draft.Text[item.GetProperty("start").GetInt32()..item.GetProperty("end").GetInt32()],
            Type = Read(item, "type"),
            Start = item.GetProperty("start").GetInt32(),
        });
        Fill(draft.Answers, data, "answers", item => new MentionDraft { Words = Read(item, "text"), Start = item.GetProperty("answer_start").GetInt32() });
        return draft;
    }

    /// <summary>Where the mentions stand that the text contains, in its order. A mention that is named again is its next occurrence.</summary>
    public IReadOnlyList<MarkedSpan> Spans() => [.. Place(Kind == DatasetKind.QuestionAnswering ? Answers : Mentions)
        .Where(found => found.Start >= 0).Select(found => new MarkedSpan(found.Start, found.Start + found.Mention.Words.Length, found.Mention.Type)).OrderBy(span => span.Start)];

    /// <summary>Words that were named but do not stand in the text.</summary>
    public IReadOnlyList<string> Missing() => [.. Place(Kind == DatasetKind.QuestionAnswering ? Answers : Mentions).Where(found => found.Start < 0).Select(found => found.Mention.Words)];

    /// <summary>Key of the text that says what is still needed before this can be saved; null when nothing is.</summary>
    public string? Blocked() => this switch
    {
        { Text: var text } when string.IsNullOrWhiteSpace(text) => "needPassage",
        { Kind: DatasetKind.Classification, Label: var label } when string.IsNullOrWhiteSpace(label) => "needLabel",
        { Kind: DatasetKind.QuestionAnswering, Question: var question } when string.IsNullOrWhiteSpace(question) => "needQuestion",
        { Kind: DatasetKind.Tagging } when Mentions.Any(mention => mention.Words.Length > 0 && mention.Type.Trim().Length == 0) => "needType",
        _ when Missing().Count > 0 => "needOccurrence",
        _ => null,
    };

    public JsonElement ToJson() => Kind switch
    {
        DatasetKind.Classification => JsonSerializer.SerializeToElement(TextPair.Length > 0
            ? new Dictionary<string, object> { ["text"] = Text, ["text_pair"] = TextPair, ["label"] = LabelValue() }
            : new Dictionary<string, object> { ["text"] = Text, ["label"] = LabelValue() }),
        DatasetKind.Tagging => JsonSerializer.SerializeToElement(new Dictionary<string, object>
        {
            ["text"] = Text,
            ["entities"] = Spans().Select(span => new { start = span.Start, end = span.End, type = span.Type.Trim(), text = Text[span.Start..span.End] }).ToArray(),
        }),
        DatasetKind.QuestionAnswering => JsonSerializer.SerializeToElement(new Dictionary<string, object>
        {
            ["question"] = Question,
            ["context"] = Text,
            ["answers"] = Spans().Select(span => new { text = Text[span.Start..span.End], answer_start = span.Start }).ToArray(),
        }),
        _ => JsonSerializer.SerializeToElement(new { text = Text }),
    };

    private void TakeLabel(JsonElement label)
    {
        _many = label.ValueKind == JsonValueKind.Array;
        _number = label.ValueKind == JsonValueKind.Number;
        Label = label.ValueKind switch
        {
            JsonValueKind.Array => string.Join(", ", label.EnumerateArray().Select(item => item.GetString())),
            JsonValueKind.Number => label.GetDouble().ToString(CultureInfo.InvariantCulture),
            _ => label.GetString() ?? "",
        };
    }

    /// <summary>A label keeps the sort it had: several words, a number, or one word.</summary>
    private object LabelValue() =>
        _many ? Label.Split(s_separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        : _number && double.TryParse(Label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
        : Label.Trim();

    private IEnumerable<(MentionDraft Mention, int Start)> Place(List<MentionDraft> mentions)
    {
        var taken = new HashSet<int>();
        foreach (var mention in mentions.Where(mention => mention.Words.Length > 0))
        {
            var start = mention.Start is { } known && known + mention.Words.Length <= Text.Length
                && string.CompareOrdinal(Text, known, mention.Words, 0, mention.Words.Length) == 0 && !taken.Contains(known) ? known : Next(mention.Words, taken);
            taken.Add(start);
            yield return (mention, start);
        }
    }

    private int Next(string words, HashSet<int> taken)
    {
        var at = Text.IndexOf(words, StringComparison.Ordinal);
        while (at >= 0 && taken.Contains(at))
            at = Text.IndexOf(words, at + 1, StringComparison.Ordinal);
        return at;
    }

    private static void Fill(List<MentionDraft> list, JsonElement data, string field, Func<JsonElement, MentionDraft> read)
    {
        if (!data.TryGetProperty(field, out var items) || items.GetArrayLength() == 0)
            return;
        list.Clear();
        list.AddRange(items.EnumerateArray().Select(read));
    }

    private static string Read(JsonElement data, string field) =>
        data.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
