using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>The history of ranks out of a run's log.</summary>
internal static class RankReader
{
    /// <summary>More columns than a picture can show are thinned out evenly; the newest stays.</summary>
    public const int MaxColumns = 100;

    private static readonly byte[] s_ranks = "\"ranks\""u8.ToArray();
    private static readonly byte[] s_resumed = "\"resumed\""u8.ToArray();

    public static RankHistory Read(RunPaths paths)
    {
        var reader = new EventLogReader(paths);
        var found = new List<RunEvent>();
        for (var lines = reader.ReadNew(); lines.Count > 0; lines = reader.ReadNew())
        {
            // Most lines of a long log are steps; only those that can matter are parsed.
            found.AddRange(lines
                .Where(line => line.Json.Span.IndexOf(s_ranks) >= 0 || line.Json.Span.IndexOf(s_resumed) >= 0)
                .Select(line => line.Parse())
                .OfType<RunEvent>());
        }

        var moves = EffectiveEvents.Of(found).OfType<RunRanks>().ToArray();
        if (moves.Length == 0)
            return new RankHistory([], [], []);
        string[] modules = [.. moves[0].Ranks.Keys];
        var kept = Kept(moves.Length).Select(i => moves[i]).ToArray();
        return new RankHistory(modules, [.. kept.Select(move => move.Step)], [.. kept.Select(move => (IReadOnlyList<int>)[.. modules.Select(name => move.Ranks.GetValueOrDefault(name))])]);
    }

    private static IEnumerable<int> Kept(int count) => count <= MaxColumns
        ? Enumerable.Range(0, count)
        : Enumerable.Range(0, MaxColumns).Select(i => (int)Math.Round(i * (count - 1.0) / (MaxColumns - 1)));
}
