using System.Text;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;
using EngineKind = Peft.Core.Data.DatasetKind;

namespace Workbench.Server.Datasets;

/// <summary>Records that are no instructions between the working file and the engine, which owns their fields and checks.</summary>
internal static class TaskContents
{
    /// <summary>A record as it is kept: itself as JSON, beside the texts that lists show and searches look through.</summary>
    public static RecordContent Of(IDataRecord record, string source) => record switch
    {
        ClassificationRecord one => new("", one.TextPair is { } pair ? one.Text + "\n" + pair : one.Text, one.Label.ToString(), source, null, DatasetKind.Classification, Line(one with { Id = null })),
        TaggingRecord one => new("", one.Text, string.Join("；", one.Entities.Select(entity => $"{one.Text[entity.Start..entity.End]} {entity.Type}")), source, null, DatasetKind.Tagging, Line(one with { Id = null })),
        QuestionRecord one => new(one.Question, one.Context, string.Join(" / ", one.Answers.Select(answer => answer.Text).Distinct(StringComparer.Ordinal)), source, null, DatasetKind.QuestionAnswering, Line(one with { Id = null })),
        TextRecord one => new("", one.Text, "", source, null, DatasetKind.Text, Line(one with { Id = null })),
        _ => throw new ArgumentException($"{record.GetType().Name} is kept as an instruction.", nameof(record)),
    };

    /// <summary>What a person saved, checked as a line of a file would be.</summary>
    /// <exception cref="PeftException">A field is missing or says something impossible.</exception>
    public static RecordContent Of(DatasetKind kind, JsonElement data, string source)
    {
        var (records, problems) = Parse(kind, Encoding.UTF8.GetBytes(data.GetRawText()), "record");
        return problems.Count == 0 && records is [var (record, _)]
            ? Of(record, source)
            : throw new PeftException(string.Join(Environment.NewLine, problems.Select(problem => problem.Field is { } field ? $"{field}: {problem.Message}" : problem.Message)));
    }

    /// <summary>The record that is kept in a row.</summary>
    public static IDataRecord Read(DatasetKind kind, RecordDto row) =>
        row.Data is { } data && Parse(kind, Encoding.UTF8.GetBytes(data.GetRawText()), row.Id) is ([var (record, _)], { Count: 0 })
            ? record
            : throw new PeftException($"Record {row.Id} is damaged: it is no {kind} record.");

    /// <summary>The usable records of a file with their lines, and why others are not.</summary>
    public static (IReadOnlyList<(IDataRecord Record, int Line)> Records, IReadOnlyList<DataProblem> Problems) Parse(DatasetKind kind, byte[] bytes, string file) => kind switch
    {
        DatasetKind.Classification => Rows(TaskRecords.ParseClassification(bytes, file)),
        DatasetKind.Tagging => Rows(TaskRecords.ParseTagging(bytes, file)),
        DatasetKind.QuestionAnswering => Rows(TaskRecords.ParseQuestions(bytes, file)),
        DatasetKind.Text => Rows(TaskRecords.ParseText(bytes, file)),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Instructions have a reader of their own."),
    };

    /// <summary>The kind that a file looks like; instructions where it looks like none of the others.</summary>
    public static DatasetKind Recognise(byte[] bytes) => ToClient(TaskRecords.Recognise(bytes) ?? EngineKind.Instruction);

    /// <summary>The client's name of a kind.</summary>
    public static DatasetKind ToClient(EngineKind kind) => kind switch
    {
        EngineKind.Classification => DatasetKind.Classification,
        EngineKind.Tagging => DatasetKind.Tagging,
        EngineKind.QuestionAnswering => DatasetKind.QuestionAnswering,
        EngineKind.Text => DatasetKind.Text,
        _ => DatasetKind.Instruction,
    };

    /// <summary>The engine's name of a kind.</summary>
    public static EngineKind ToEngine(DatasetKind kind) => kind switch
    {
        DatasetKind.Classification => EngineKind.Classification,
        DatasetKind.Tagging => EngineKind.Tagging,
        DatasetKind.QuestionAnswering => EngineKind.QuestionAnswering,
        DatasetKind.Text => EngineKind.Text,
        _ => EngineKind.Instruction,
    };

    private static (IReadOnlyList<(IDataRecord, int)>, IReadOnlyList<DataProblem>) Rows<T>(TaskFile<T> file)
        where T : IDataRecord => ([.. file.Records.Zip(file.Lines, (record, line) => ((IDataRecord)record, line))], file.Problems);

    private static string Line<T>(T record) => JsonSerializer.Serialize(record, RunRequest.Json);
}
