using System.Text.Json.Serialization;

namespace Peft.Core.Data;

/// <summary>One training example in Alpaca's form: what to do, on what, and the wanted answer.</summary>
/// <param name="Instruction">What to do.</param>
/// <param name="Input">What to do it on; may be empty.</param>
/// <param name="Output">The wanted answer.</param>
public sealed record InstructionRecord(
    [property: JsonPropertyName("instruction")] string Instruction,
    [property: JsonPropertyName("input")] string Input,
    [property: JsonPropertyName("output")] string Output) : IDataRecord
{
    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content => [Instruction, Input, Output];

    /// <summary>Stable name of the record, if it has one.</summary>
    [JsonPropertyName("id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    /// <summary><c>train</c>, <c>dev</c> or <c>test</c>, where the source says so.</summary>
    [JsonPropertyName("split")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Split { get; init; }
}

/// <summary>Why a place in a file cannot be used, for a person.</summary>
/// <param name="File">File name.</param>
/// <param name="Line">Line, from 1.</param>
/// <param name="Column">Column, from 1, where it is known.</param>
/// <param name="Field">Name of the field at fault, where there is one.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record DataProblem(string File, int Line, int? Column, string? Field, string Message)
{
    /// <summary><c>file:line:column: field: message</c>.</summary>
    public override string ToString()
    {
        var where = Column is { } column ? $"{File}:{Line}:{column}" : $"{File}:{Line}";
        return Field is null ? $"{where}: {Message}" : $"{where}: field '{Field}': {Message}";
    }
}

/// <summary>What was read from a text: the usable records with their lines, and the problems.</summary>
/// <param name="Format"><c>json</c> or <c>jsonl</c>.</param>
/// <param name="Records">Usable records in file order.</param>
/// <param name="Lines">Line of each record, from 1.</param>
/// <param name="Problems">Rows that cannot be used.</param>
public sealed record InstructionFile(
    string Format, IReadOnlyList<InstructionRecord> Records, IReadOnlyList<int> Lines, IReadOnlyList<DataProblem> Problems);
