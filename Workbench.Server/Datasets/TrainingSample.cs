using Peft.Core.Data;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;
using DatasetSplit = Workbench.Client.Contracts.DatasetSplit;

namespace Workbench.Server.Datasets;

/// <summary>Training records spread over a dataset, for what is measured before a run.</summary>
internal static class TrainingSample
{
    /// <summary>Reads records; all of them where there are no more than <paramref name="most"/>.</summary>
    /// <exception cref="Peft.Core.PeftException">A row is damaged.</exception>
    public static IReadOnlyList<IDataRecord> Read(WorkingFile file, int most)
    {
        using var connection = file.Connect();
        var (count, kind) = (RecordQueries.Counts(connection).Train, RecordQueries.Kind(connection) ?? DatasetKind.Instruction);
        var every = Math.Max(1, (count + most - 1) / most);
        return [.. RecordQueries.All(connection, DatasetSplit.Train).Where((_, i) => i % every == 0).Select(row => TokenTexts.Read(kind, row))];
    }
}
