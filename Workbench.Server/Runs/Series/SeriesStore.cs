using System.Collections.Concurrent;
using Workbench.Server.Hosting;

namespace Workbench.Server.Runs.Series;

/// <summary>Answers charts. Columns stay in files (the system's cache holds what is looked at); memory keeps only how far each run was read.</summary>
internal sealed class SeriesStore(DataDirectory data)
{
    private readonly ConcurrentDictionary<string, RunSeries> _series = new();

    /// <summary>Derives the columns of a run that is new here, so that its first chart does not wait for it.</summary>
    public void Prepare(string runId)
    {
        var series = Of(runId);
        lock (series)
            series.CatchUp();
    }

    /// <summary>The visible range of a metric in the binary format of the contract; null when there is no such metric or axis.</summary>
    public byte[]? Read(string runId, string metric, string axis, double from, double to, int points)
    {
        var series = Of(runId);
        if (axis is not ("step" or "tokens" or "seconds") || series.TableOf(metric) is not { } table || metric is "step" or "tokens" or "seconds")
            return null;
        double[] x;
        float[] y;
        long lastSeq;
        lock (series)
        {
            series.CatchUp();
            x = table.ReadDoubles(axis);
            y = table.ReadFloats(metric);
            lastSeq = series.LastSeq;
        }

        return Envelope.Of(x, y, from, to, points).ToBytes(lastSeq);
    }

    public void Forget(string runId) => _series.TryRemove(runId, out _);

    private RunSeries Of(string runId) => _series.GetOrAdd(runId, id => new RunSeries(data.Run(id)));
}
