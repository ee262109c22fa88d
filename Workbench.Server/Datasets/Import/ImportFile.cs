using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>A file that is to be imported: what kind of records it holds, and each of them or why it is none.</summary>
internal sealed class ImportFile
{
    private readonly IReadOnlyList<ImportRow>? _rows;
    private readonly ImportReader _instructions;

    public ImportFile(string name, byte[] bytes)
    {
        _instructions = new ImportReader(name, bytes);
        Kind = TaskContents.Recognise(bytes);
        if (Kind == DatasetKind.Instruction)
            return;
        var (records, problems) = TaskContents.Parse(Kind, bytes, name);
        if (records.Count == 0 && _instructions.Rows().Any(row => row.Content is not null))
        {
            // Fields of the same names with other contents: a question with one answer in words, say.
            Kind = DatasetKind.Instruction;
            return;
        }

        _rows =
        [
            .. records.Select(row => new ImportRow(row.Line, TaskContents.Of(row.Record, $"{name}:{row.Line}"), null, null, null, null)),
            .. problems.Select(problem => ImportRow.Refused(problem.Line, problem.Message, problem.Field, problem.Column)),
        ];
    }

    public DatasetKind Kind { get; }

    public string Format => _instructions.Format;

    public IEnumerable<ImportRow> Rows() => _rows ?? _instructions.Rows();
}
