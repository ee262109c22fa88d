using System.Text.Json.Serialization;

namespace Peft.Core.Data.Tasks;

/// <summary>Text without more, for pretraining.</summary>
/// <param name="Text">The text.</param>
public sealed record TextRecord(string Text) : IDataRecord
{
    /// <inheritdoc />
    public string? Id { get; init; }

    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content => [Text];
}
