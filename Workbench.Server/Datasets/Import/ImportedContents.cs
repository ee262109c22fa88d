using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Datasets.Import;

/// <summary>What the engine made of a row, as a working file keeps it.</summary>
internal static class ImportedContents
{
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static RecordContent Of(ConvertedRecord converted, DatasetKind kind, string source)
    {
        var beside = converted.Beside?.ToJsonString(s_plain);
        if (kind != DatasetKind.Instruction)
            return TaskContents.Of(converted.Record, source) with { Beside = beside };
        var record = (InstructionRecord)converted.Record;
        return new RecordContent(record.Instruction, record.Input, record.Output, source, converted.Form is { } form ? RelationForms.ToClient(form) : null, Beside: beside);
    }

    /// <summary>A record that is not stored, to look at.</summary>
    public static RecordDto Shown(string id, DatasetSplit split, int position, RecordContent content) => new(
        id, split, position, content.Instruction, content.Input, content.Output, content.Source, content.Form,
        content.Data is { } data ? JsonSerializer.Deserialize<JsonElement>(data) : null,
        content.Beside is { } beside ? JsonSerializer.Deserialize<JsonElement>(beside) : null);

    public static DatasetSplit? Split(string? name) => name switch
    {
        "train" => DatasetSplit.Train,
        "dev" => DatasetSplit.Dev,
        "test" => DatasetSplit.Test,
        _ => null,
    };
}
