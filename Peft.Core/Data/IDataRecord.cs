using System.Text.Json.Serialization;

namespace Peft.Core.Data;

/// <summary>One record of a dataset, of whatever kind.</summary>
public interface IDataRecord
{
    /// <summary>Stable name of the record, if it has one.</summary>
    string? Id { get; }

    /// <summary>What the record says, as a fixed sequence of texts: what a snapshot's hash is made of, without the id.</summary>
    [JsonIgnore]
    IEnumerable<string> Content { get; }
}
