using System.Globalization;
using System.Text;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Compare;

/// <summary>The comparison as a table for other programs: exact numbers, one column per run.</summary>
public static class CompareCsv
{
    public static string Write(IReadOnlyList<RunSummary> runs, IReadOnlyList<SettingRow> settings)
    {
        var csv = new StringBuilder();
        Line(csv, ["name", .. runs.Select(run => run.Name)]);
        Line(csv, ["id", .. runs.Select(run => run.Id)]);
        Line(csv, ["state", .. runs.Select(run => run.State.ToString())]);
        foreach (var row in ResultRows.All)
            Line(csv, [row.Key, .. runs.Select(run => Exact(row.Value(run)))]);
        Line(csv, ["f1Low", .. runs.Select(run => Exact(run.Result?.F1Low))]);
        Line(csv, ["f1High", .. runs.Select(run => Exact(run.Result?.F1High))]);
        foreach (var setting in settings)
            Line(csv, [setting.Name, .. setting.Values]);
        return csv.ToString();
    }

    private static string Exact(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    private static void Line(StringBuilder csv, IEnumerable<string> cells) => csv.Append(string.Join(',', cells.Select(Quote))).Append("\r\n");

    /// <summary>Quoted where needed; a leading sign of a formula is disarmed.</summary>
    private static string Quote(string cell)
    {
        if (cell.Length > 0 && cell[0] is '=' or '@' or '+' && !double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            cell = "'" + cell;
        return cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
    }
}
