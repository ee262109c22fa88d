using System.Text.Json;
using Peft.Core.Runs;

namespace Workbench.Server.Runs.Series;

/// <summary>How far the columns of a run were derived from its log.</summary>
internal sealed record SeriesState(int Version, long LastSeq, long Offset, int Steps, int Evals);

/// <summary>
/// The columns of one run, derived from its events and kept in <c>series/</c>. New events are appended; when the folder is missing,
/// damaged or of another layout it is built anew. Not thread-safe: <see cref="SeriesStore"/> lets one caller at a time.
/// </summary>
internal sealed class RunSeries
{
    private const int Version = 2;
    private readonly RunPaths _paths;
    private readonly string _statePath;
    private readonly SeriesTable _steps;
    private readonly SeriesTable _evals;
    private EventLogReader _reader;

    public RunSeries(RunPaths paths)
    {
        _paths = paths;
        _statePath = Path.Combine(paths.Series, "state.json");
        _steps = new SeriesTable(paths.Series, "step", ["step", "tokens", "seconds"], ["loss", "learning_rate", "grad_norm", "tokens_per_second", "rss"]);
        _evals = new SeriesTable(paths.Series, "eval", ["step", "tokens", "seconds"], ["eval_loss", "eval_score"]);
        var state = ReadState();
        _steps.Restore(state.Steps);
        _evals.Restore(state.Evals);
        _reader = new EventLogReader(paths, state.LastSeq, state.Offset);
    }

    public long LastSeq => _reader.LastSeq;

    /// <summary>Appends what the log has that the columns have not.</summary>
    public void CatchUp()
    {
        if (_reader.LastSeq > 0 && !File.Exists(_statePath))
            Restart();
        var lines = _reader.ReadNew();
        if (lines.Count == 0)
            return;
        Directory.CreateDirectory(_paths.Series);
        for (; lines.Count > 0; lines = _reader.ReadNew())
        {
            foreach (var line in lines)
                Add(SeriesPoint.Read(line.Json.Span));
            _steps.Flush();
            _evals.Flush();
        }

        WriteState();
    }

    /// <summary>The table that holds a metric, or null when no chart knows it.</summary>
    public SeriesTable? TableOf(string metric) => metric is "eval_loss" or "eval_score" ? _evals : _steps.HasColumn(metric) ? _steps : null;

    private void Add(in SeriesPoint point)
    {
        switch (point.Kind)
        {
            case PointKind.Step:
                _steps.Add([point.Step, point.Tokens, point.Seconds], [point.Loss, point.LearningRate, point.GradNorm, point.TokensPerSecond, point.Rss]);
                break;
            case PointKind.Eval:
                _evals.Add([point.Step, point.Tokens, point.Seconds], [point.Loss, point.Score]);
                break;
            case PointKind.Resumed:
                _steps.CutAfter(point.FromStep);
                _evals.CutAfter(point.FromStep);
                break;
            default:
                break;
        }
    }

    private void Restart()
    {
        _steps.Restore(0);
        _evals.Restore(0);
        _reader = new EventLogReader(_paths);
    }

    private SeriesState ReadState()
    {
        var nothing = new SeriesState(Version, 0, 0, 0, 0);
        if (!File.Exists(_statePath))
            return nothing;
        try
        {
            var state = JsonSerializer.Deserialize<SeriesState>(File.ReadAllBytes(_statePath), RunRequest.Json);
            return state is { Version: Version } && _steps.Holds(state.Steps) && _evals.Holds(state.Evals) ? state : nothing;
        }
        catch (JsonException)
        {
            return nothing; // Written half by a process that died: everything here is derived, so it is derived again.
        }
    }

    /// <summary>Renamed into place, but not flushed to the disk: losing it costs a rebuild, not data.</summary>
    private void WriteState()
    {
        var aside = Path.Combine(_paths.Series, $".state-{Environment.ProcessId}");
        var state = new SeriesState(Version, _reader.LastSeq, _reader.Offset, _steps.Count, _evals.Count);
        File.WriteAllBytes(aside, JsonSerializer.SerializeToUtf8Bytes(state, RunRequest.Json));
        File.Move(aside, _statePath, overwrite: true);
    }
}
