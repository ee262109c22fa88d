using Microsoft.Data.Sqlite;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Cleaning;
using Workbench.Client.Contracts;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Datasets.Cleaning;

/// <summary>Cleans a working file: looks, or takes out and corrects as one change that can be undone. What goes lies in the quarantine.</summary>
internal sealed class CleaningService(TimeProvider time, Storage.ICurrentPerson person)
{
    private const int Examples = 20;

    public static IReadOnlyList<CleaningRuleDto> Rules { get; } = [.. CleaningRule.All.Select(rule => new CleaningRuleDto(rule.Name, rule.Default is { } action ? Name(action) : null, rule.CanFix))];

    /// <summary>What cleaning would do.</summary>
    public static CleaningPreview Preview(WorkingFile file, CleaningOrder order)
    {
        using var connection = file.Connect();
        var items = Items(connection);
        return Describe(items, Cleaner.Run(items, Options(order)), Options(order));
    }

    /// <summary>Cleans.</summary>
    public CleaningPreview Apply(WorkingFile file, CleaningOrder order)
    {
        using var connection = file.Connect();
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        var items = Items(connection);
        var report = Cleaner.Run(items, Options(order));
        var corrected = report.Fixed.Where(pair => !report.Removed.ContainsKey(pair.Key)).ToList();
        if (report.Removed.Count + corrected.Count > 0)
        {
            log.Begin("clean", $"Clean: {report.Removed.Count} records set aside, {corrected.Count} corrected");
            foreach (var (id, finding) in report.Removed)
            {
                if (RecordQueries.State(connection, id) is not { } state || RecordQueries.Find(connection, id) is not { } record)
                    continue;
                log.Remove(id, state.Version);
                log.SetAside(id, state.Version, null, record.Source, finding.Rule, finding.Detail, finding.Other);
            }

            foreach (var (id, item) in corrected)
            {
                if (RecordQueries.State(connection, id) is { } state && RecordQueries.Find(connection, id) is { } record)
                    log.Put(id, state.Version, state.Split, state.Position, log.AddContent(CorrectedContents.Of(record, item, RecordQueries.Kind(connection) ?? DatasetKind.Instruction)));
            }

            log.Commit();
        }

        return Describe(items, report, Options(order));
    }

    private static List<CleaningItem> Items(SqliteConnection connection)
    {
        var kind = RecordQueries.Kind(connection) ?? DatasetKind.Instruction;
        return [.. RecordQueries.All(connection, null).Select(record => new CleaningItem(
            record.Id, SnapshotWriter.Name(record.Split), record.Instruction, record.Input, record.Output,
            kind != DatasetKind.Instruction ? null : record.Form?.Candidates ?? RelationForm.CandidatesOf(record.Instruction), kind == DatasetKind.Instruction))];
    }

    private static CleaningOptions Options(CleaningOrder order)
    {
        var defaults = new CleaningOptions();
        return defaults with
        {
            Rules = order.Rules?.ToDictionary(pair => CleaningRule.All.Any(rule => rule.Name == pair.Key) ? pair.Key : throw new PeftException($"Rule '{pair.Key}' is not known."), pair => Action(pair.Value)),
            Shortest = order.Shortest ?? defaults.Shortest,
            Longest = order.Longest,
            Similarity = Between(order.Similarity ?? defaults.Similarity),
            Shingle = order.Shingle is >= 1 and <= 20 or null ? order.Shingle ?? defaults.Shingle : throw new PeftException("The length of character groups must be between 1 and 20."),
        };
    }

    private static double Between(double share) => share is > 0 and <= 1 ? share : throw new PeftException("The similarity must be above 0 and at most 1.");

    private static CleaningAction Action(string name) => name switch
    {
        "show" => CleaningAction.Show,
        "fix" => CleaningAction.Fix,
        "remove" => CleaningAction.Remove,
        _ => throw new PeftException($"'{name}' is not something that a rule does; use show, fix or remove."),
    };

    private static string Name(CleaningAction action) => action.ToString().ToLowerInvariant();

    private static CleaningPreview Describe(List<CleaningItem> items, CleaningReport report, CleaningOptions options)
    {
        var byId = items.ToDictionary(item => item.Id, StringComparer.Ordinal);
        var byRule = report.Findings.ToLookup(finding => finding.Rule);
        return new CleaningPreview(items.Count, report.Removed.Count, report.Fixed.Keys.Count(id => !report.Removed.ContainsKey(id)),
            [.. report.Funnel.Select(step => new CleaningStep(step.Rule, Name(options.Action(step.Rule)!.Value), step.Found, step.Left,
                [.. byRule[step.Rule].Take(Examples).Select(finding => new CleaningExample(finding.Id, finding.Detail, Text(byId[finding.Id]),
                    finding.Action == CleaningAction.Fix && report.Fixed.TryGetValue(finding.Id, out var corrected) ? Text(corrected) : null,
                    finding.Other is { } other ? Text(byId[other]) : null, finding.Other))]))]);
    }

    private static CleaningText Text(CleaningItem item) => new(item.Instruction, item.Input, item.Output);
}
