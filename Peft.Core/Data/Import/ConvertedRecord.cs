using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import;

/// <summary>What a dataset keeps of an imported record.</summary>
/// <param name="Kind">Kind of the record.</param>
/// <param name="Record">The record.</param>
/// <param name="Form">Passage, candidates and triples, where the record is relation extraction.</param>
/// <param name="Split"><c>train</c>, <c>dev</c> or <c>test</c>, where the source says so.</param>
/// <param name="Beside">What the source says beyond the record: system prompt, earlier turns, places of entities, other fields. Null when nothing.</param>
/// <param name="Status"><c>submitted</c>; <c>skipped</c> and <c>suggestion</c> are not for training.</param>
/// <param name="Notes">What conversion changed.</param>
public sealed record ConvertedRecord(
    DatasetKind Kind, IDataRecord Record, RelationForm? Form, string? Split, JsonObject? Beside, string Status, IReadOnlyList<ImportNote> Notes);
