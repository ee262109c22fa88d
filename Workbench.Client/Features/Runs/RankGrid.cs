using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>A stretch of steps in which a module kept its rank. Places are shares of the width, 0 to 1.</summary>
public sealed record RankSpan(double From, double To, int FirstStep, int LastStep, int Rank);

/// <summary>A module's row of the heat map.</summary>
public sealed record RankRow(string Module, string Label, IReadOnlyList<RankSpan> Spans)
{
    public int First => Spans[0].Rank;

    public int Last => Spans[^1].Rank;
}

/// <summary>A history of ranks as rows of stretches: what does not change is one rectangle.</summary>
public sealed class RankGrid
{
    public RankGrid(RankHistory history, int lastStep)
    {
        ArgumentNullException.ThrowIfNull(history);
        FirstStep = history.Steps.Count > 0 ? history.Steps[0] : 0;
        LastStep = Math.Max(lastStep, history.Steps.Count > 0 ? history.Steps[^1] + 1 : 1);
        var prefix = CommonPrefix(history.Modules);
        Rows = history.Steps.Count == 0 ? [] : [.. history.Modules.Select((name, row) => new RankRow(name, name[prefix..], Spans(history, row)))];
        Highest = Rows.SelectMany(row => row.Spans).Select(span => span.Rank).DefaultIfEmpty(1).Max();
    }

    public IReadOnlyList<RankRow> Rows { get; }

    public int FirstStep { get; }

    public int LastStep { get; }

    /// <summary>The highest rank of all, at least 1.</summary>
    public int Highest { get; }

    private List<RankSpan> Spans(RankHistory history, int row)
    {
        var spans = new List<RankSpan>();
        var start = 0;
        for (var i = 1; i <= history.Steps.Count; i++)
        {
            if (i < history.Steps.Count && history.Ranks[i][row] == history.Ranks[start][row])
                continue;
            var end = i < history.Steps.Count ? history.Steps[i] : LastStep;
            spans.Add(new RankSpan(Share(history.Steps[start]), Share(end), history.Steps[start], end, history.Ranks[start][row]));
            start = i;
        }

        return spans;
    }

    private double Share(int step) => (step - FirstStep) / (double)Math.Max(1, LastStep - FirstStep);

    /// <summary>Length of the beginning that all names share, up to a dot.</summary>
    private static int CommonPrefix(IReadOnlyList<string> names)
    {
        if (names.Count < 2)
            return 0;
        var length = 0;
        while (names.All(name => length < name.Length && name[length] == names[0][length]))
            length++;
        return names[0].LastIndexOf('.', Math.Max(0, length - 1)) + 1;
    }
}
