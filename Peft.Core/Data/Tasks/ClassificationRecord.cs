using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Peft.Core.Data.Tasks;

/// <summary>A text, or a pair of texts, and what is to be said of it.</summary>
/// <param name="Text">The text.</param>
/// <param name="Label">Its label, its labels, or its number.</param>
public sealed record ClassificationRecord(string Text, ClassLabel Label) : IDataRecord
{
    /// <inheritdoc />
    public string? Id { get; init; }

    /// <summary>The second text of a pair.</summary>
    public string? TextPair { get; init; }

    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content => [Text, TextPair ?? "", .. Label.Content];
}

/// <summary>
/// What a text is labelled with. In JSON: a text (one label), a list of texts (any number of labels), or a number.
/// </summary>
[JsonConverter(typeof(ClassLabelConverter))]
public sealed record ClassLabel
{
    private ClassLabel(IReadOnlyList<string> names, bool isMany, double? number)
    {
        Names = names;
        IsMany = isMany;
        Number = number;
    }

    /// <summary>The labels by name; one when <see cref="IsMany"/> is false, none for a number.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Whether a text may have several labels, or none.</summary>
    public bool IsMany { get; }

    /// <summary>The number to predict; null when it is about labels.</summary>
    public double? Number { get; }

    /// <summary><c>single_label_classification</c>, <c>multi_label_classification</c> or <c>regression</c>, as Hugging Face configs say it.</summary>
    public string ProblemType => Number is not null ? "regression" : IsMany ? "multi_label_classification" : "single_label_classification";

    internal IEnumerable<string> Content => [ProblemType, .. Names, .. Number is { } value ? [value.ToString("R", CultureInfo.InvariantCulture)] : Array.Empty<string>()];

    /// <summary>One label.</summary>
    public static ClassLabel Of(string name) => new([name], isMany: false, number: null);

    /// <summary>Any number of labels.</summary>
    public static ClassLabel Of(IEnumerable<string> names) => new([.. names], isMany: true, number: null);

    /// <summary>A number.</summary>
    public static ClassLabel Of(double number) => new([], isMany: false, number);

    /// <inheritdoc />
    public bool Equals(ClassLabel? other) => other is not null && Content.SequenceEqual(other.Content);

    /// <inheritdoc />
    public override int GetHashCode() => Content.Aggregate(17, (hash, part) => HashCode.Combine(hash, part));

    /// <summary>As people read it: names joined by commas, or the number.</summary>
    public override string ToString() => Number is { } value ? value.ToString("R", CultureInfo.InvariantCulture) : string.Join(", ", Names);
}

/// <summary>Reads and writes <see cref="ClassLabel"/>.</summary>
internal sealed class ClassLabelConverter : JsonConverter<ClassLabel>
{
    public override ClassLabel? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.String => ClassLabel.Of(reader.GetString()!),
        JsonTokenType.Number => ClassLabel.Of(reader.GetDouble()),
        JsonTokenType.StartArray => ClassLabel.Of(JsonSerializer.Deserialize<string[]>(ref reader, options)!),
        _ => throw new JsonException("A label is a text, a list of texts, or a number."),
    };

    public override void Write(Utf8JsonWriter writer, ClassLabel value, JsonSerializerOptions options)
    {
        if (value.Number is { } number)
            writer.WriteNumberValue(number);
        else if (value.IsMany)
            JsonSerializer.Serialize(writer, value.Names, options);
        else
            writer.WriteStringValue(value.Names[0]);
    }
}
