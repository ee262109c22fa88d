using Peft.Core.Data;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>A look at a dataset's training records, for checks that need not see all of them.</summary>
internal static class RecordSample
{
    /// <summary>At most so many training records, spread over the dataset.</summary>
    public static List<IDataRecord> Of(WorkingFile file, int most, CancellationToken cancel)
    {
        using var connection = file.Connect();
        var (count, kind) = (RecordQueries.Counts(connection).Train, RecordQueries.Kind(connection) ?? Workbench.Client.Contracts.DatasetKind.Instruction);
        var every = Math.Max(1, (count + most - 1) / most);
        var records = new List<IDataRecord>();
        foreach (var row in RecordQueries.All(connection, DatasetSplit.Train).Where((_, i) => i % every == 0))
        {
            cancel.ThrowIfCancellationRequested();
            records.Add(TokenTexts.Read(kind, row));
        }

        return records;
    }
}
