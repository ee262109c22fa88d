using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>What a record says, without its place in a dataset.</summary>
/// <param name="Form">The lecture's form, where the record was typed in it, annotated, or could be read back without loss.</param>
/// <param name="Kind">What kind of record it is.</param>
/// <param name="Data">The record as a line of its files, where it is no instruction; the texts then only show it.</param>
/// <param name="Beside">What its source says beyond it, as JSON.</param>
public sealed record RecordContent(
    string Instruction, string Input, string Output, string Source, RelationFormDto? Form, DatasetKind Kind = DatasetKind.Instruction, string? Data = null,
    string? Beside = null)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Things a person should look at before training: no answer, no question, or a form that contradicts its passage.</summary>
    public int Problems => Kind != DatasetKind.Instruction ? 0 :
        (Output.Length == 0 ? 1 : 0) + (Instruction.Length == 0 && Input.Length == 0 ? 1 : 0) + (Form is null ? 0 : RelationForms.Problems(Form).Count);

    internal string? FormJson => Form is null ? null : JsonSerializer.Serialize(Form, s_json);

    internal static RelationFormDto? ReadForm(string? json) => json is null ? null : JsonSerializer.Deserialize<RelationFormDto>(json, s_json);
}
