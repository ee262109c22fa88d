using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>One row of a file: a record, or why it is none.</summary>
internal sealed record ImportRow(int Line, RecordContent? Content, DatasetSplit? Split, int? Column, string? Field, string? Problem)
{
    public static ImportRow Refused(int line, string problem, string? field = null, int? column = null) => new(line, null, null, column, field, problem);
}
