using System.Text.Json;
using System.Text.Json.Serialization;

namespace Peft.Core.Data.Tasks;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</param>
/// <param name="Content">What is said; empty when the assistant only calls tools.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>The role that is learnt from.</summary>
    public const string Assistant = "assistant";

    /// <summary>The role that sets the rules.</summary>
    public const string System = "system";

    /// <summary>Roles that a conversation may have.</summary>
    public static IReadOnlyList<string> Roles { get; } = [System, "user", Assistant, "tool"];

    /// <summary>The tools that the assistant calls, as a JSON list; null for none.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ToolCalls { get; init; }

    /// <summary>Name of the tool that answers, or of who speaks.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    /// <summary>Which call a tool answers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ToolCallId { get; init; }

    /// <summary>The text with the tools that are called behind it.</summary>
    [JsonIgnore]
    public string Said => ToolCalls is null ? Content : Content.Length == 0 ? ToolCalls : Content + "\n" + ToolCalls;
}

/// <summary>A conversation.</summary>
/// <param name="Messages">Its turns; at least one of them is the assistant's.</param>
public sealed record ChatRecord(IReadOnlyList<ChatMessage> Messages) : IDataRecord
{
    /// <inheritdoc />
    public string? Id { get; init; }

    /// <summary>The tools that are offered, as a JSON list; null for none.</summary>
    [JsonConverter(typeof(RawJsonConverter))]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Tools { get; init; }

    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content =>
        [Tools ?? "", .. Messages.SelectMany(m => new[] { m.Role, m.Content, m.ToolCalls ?? "", m.Name ?? "", m.ToolCallId ?? "" })];

    /// <summary>The turns in front of the assistant's last one.</summary>
    [JsonIgnore]
    public IReadOnlyList<ChatMessage> Question => [.. Messages.Take(Last)];

    /// <summary>What the assistant says last.</summary>
    [JsonIgnore]
    public ChatMessage Answer => Messages[Last];

    private int Last => Enumerable.Range(0, Messages.Count).Last(i => Messages[i].Role == ChatMessage.Assistant);

    /// <summary>As an instruction for readers: the last question, what was said before it, the last answer.</summary>
    public InstructionRecord AsInstruction()
    {
        var question = Question;
        var asked = question.Count > 0 ? question[^1].Said : "";
        return new InstructionRecord(asked, string.Join('\n', question.SkipLast(1).Select(m => $"{m.Role}: {m.Said}")), Answer.Said) { Id = Id };
    }
}

/// <summary>JSON of any shape, kept as its text without white space.</summary>
internal sealed class RawJsonConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return Compact(document.RootElement);
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteRawValue(value);

    public static string Compact(JsonElement value) => JsonSerializer.Serialize(value, Options);

    private static readonly JsonSerializerOptions Options = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
