using System.Globalization;
using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>Where a field goes in the draft.</summary>
public enum DraftSection
{
    Peft,
    Training,
}

/// <summary>A field of the form under its Hugging Face name, with the default it had when the form opened.</summary>
public sealed record DraftField(
    string Name, DraftSection Section, OptionKind Kind, string DefaultJson, double? Min, double? Max, IReadOnlyList<string> Choices, string Help, bool Advanced)
{
    /// <summary>The part of the form that it stands in; empty for options of a method.</summary>
    public string Group { get; init; } = "";

    public static DraftField OfOption(MethodOptionDto option) =>
        new(option.Name, DraftSection.Peft, option.Kind, option.DefaultJson, option.Min, option.Max, option.Choices, option.Help, option.Advanced);

    /// <summary>Training arguments have the default that suits the draft; the preset's three stand in front.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its default.</param>
    /// <param name="reasons">Why defaults are as they are.</param>
    /// <param name="described">What it is; null where the server does not say, then its default tells.</param>
    public static DraftField OfTraining(string name, JsonElement value, IReadOnlyDictionary<string, string> reasons, MethodOptionDto? described = null) => new(
        name, DraftSection.Training, described?.Kind ?? KindOf(value), value.GetRawText(), described?.Min, described?.Max, described?.Choices ?? [],
        reasons.GetValueOrDefault(name, described?.Help ?? ""), !reasons.ContainsKey(name))
    {
        Group = described?.Group ?? "",
    };

    public string DefaultText => Write(JsonSerializer.Deserialize<JsonElement>(DefaultJson));

    /// <summary>A value as it stands in the input.</summary>
    public static string Write(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Null or JsonValueKind.Undefined => "",
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Write)),
        JsonValueKind.Number => value.TryGetInt64(out var whole)
            ? whole.ToString(CultureInfo.InvariantCulture)
            : value.GetDouble().ToString("0.##########", CultureInfo.InvariantCulture),
        _ => value.GetRawText(),
    };

    /// <summary>The typed text as JSON; null when it cannot be read as this kind.</summary>
    public JsonElement? Read(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.Length == 0)
            return Empty();
        return Kind switch
        {
            OptionKind.Integer => long.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? JsonSerializer.SerializeToElement(whole) : null,
            OptionKind.Number => double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? JsonSerializer.SerializeToElement(number) : null,
            OptionKind.Flag => bool.TryParse(trimmed, out var flag) ? JsonSerializer.SerializeToElement(flag) : null,
            OptionKind.TextList => JsonSerializer.SerializeToElement(trimmed.Split([',', '，', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)),
            _ => DefaultJson.StartsWith('{') ? ReadObject(trimmed) : JsonSerializer.SerializeToElement(trimmed),
        };
    }

    private static JsonElement? ReadObject(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(text) is { ValueKind: JsonValueKind.Object } value ? value : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Nothing typed: no value where the default is none, an empty text or list, otherwise not a value.</summary>
    private JsonElement? Empty() => DefaultJson == "null" ? JsonSerializer.SerializeToElement<string?>(null)
        : DefaultJson.StartsWith('{') ? JsonSerializer.SerializeToElement(new Dictionary<string, string>())
        : Kind == OptionKind.Text ? JsonSerializer.SerializeToElement("")
        : Kind == OptionKind.TextList ? JsonSerializer.SerializeToElement(Array.Empty<string>())
        : null;

    private static OptionKind KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => OptionKind.Flag,
        JsonValueKind.Number => value.TryGetInt64(out _) && !value.GetRawText().Contains('.', StringComparison.Ordinal) ? OptionKind.Integer : OptionKind.Number,
        JsonValueKind.Array => OptionKind.TextList,
        _ => OptionKind.Text,
    };
}
