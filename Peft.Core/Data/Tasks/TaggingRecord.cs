using System.Globalization;
using System.Text.Json.Serialization;

namespace Peft.Core.Data.Tasks;

/// <summary>A marked piece of a text.</summary>
/// <param name="Start">First UTF-16 unit.</param>
/// <param name="End">One past the last UTF-16 unit.</param>
/// <param name="Type">What it is, e.g. a person.</param>
public sealed record EntitySpan(int Start, int End, string Type)
{
    /// <summary>The marked text, for readers; the offsets decide.</summary>
    public string? Text { get; init; }
}

/// <summary>A text with its entities.</summary>
/// <param name="Text">The text.</param>
/// <param name="Entities">What is marked in it; spans do not overlap.</param>
public sealed record TaggingRecord(string Text, IReadOnlyList<EntitySpan> Entities) : IDataRecord
{
    /// <inheritdoc />
    public string? Id { get; init; }

    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content =>
        [Text, .. Entities.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Start}-{e.End} {e.Type}"))];
}
