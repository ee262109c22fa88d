using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;
using Workbench.Server.Planning;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Projects;

/// <summary>Runs that are ordered together to be compared: one per method and seed, the baseline once since nothing in it is drawn.</summary>
internal sealed class ComparisonService(
    IDbContextFactory<WorkbenchDb> databases, IRunStarter starter, RunPlanner planner, RunTimes times, TimeProvider time, ICurrentPerson person)
{
    /// <summary>Test records of a quick comparison: the order of the methods shows, the wait stays short.</summary>
    private const int QuickTestRecords = 100;

    private const int LargestNumber = 60;

    public async Task<IReadOnlyList<ComparisonDto>> ListAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var comparisons = await db.Comparisons.AsNoTracking().OrderByDescending(row => row.CreatedAt).ToListAsync(cancel);
        var members = await db.Runs.AsNoTracking().Where(run => run.ComparisonId != null).OrderBy(run => run.CreatedAt).ThenBy(run => run.Id)
            .Select(run => new { run.Id, run.ComparisonId }).ToListAsync(cancel);
        var byComparison = members.ToLookup(run => run.ComparisonId!, run => run.Id);
        return [.. comparisons.Select(row => new ComparisonDto(row.Id, row.Name, row.CreatedAt, [.. byComparison[row.Id]], row.EstimatedSeconds))];
    }

    /// <summary>Seconds of all runs together, one after another; null while no such run has finished here.</summary>
    public async Task<double?> EstimateAsync(StartComparison order, CancellationToken cancel)
    {
        double total = 0;
        foreach (var draft in Drafts(order))
        {
            if (await times.EstimateAsync(await planner.PlanAsync(draft, cancel), cancel) is not { } seconds)
                return null;
            total += seconds;
        }

        return total;
    }

    /// <summary>Orders all runs, or none when one of them cannot be run.</summary>
    /// <exception cref="PeftException">Nothing to compare, or a draft that cannot be run.</exception>
    public async Task<ComparisonDto> StartAsync(StartComparison order, CancellationToken cancel)
    {
        var drafts = Drafts(order);
        foreach (var draft in drafts)
        {
            var plan = await planner.PlanAsync(draft, cancel);
            if (!plan.CanStart)
                throw new PeftException($"{draft.Name}: " + string.Join(Environment.NewLine, plan.Problems.Where(problem => problem.Severity == "error").Select(problem => problem.Message)));
        }

        var row = new ComparisonEntity
        {
            Id = Ulid.NewUlid().ToString(),
            Name = order.Name.Trim() is { Length: > 0 } name ? name : string.Join(", ", order.PeftTypes),
            DatasetId = order.DatasetId,
            ModelId = order.ModelId,
            EstimatedSeconds = await EstimateAsync(order, cancel),
            CreatedAt = time.GetUtcNow(),
            CreatedBy = person.Id,
        };
        await using var db = await databases.CreateDbContextAsync(cancel);
        db.Comparisons.Add(row);
        await db.SaveChangesAsync(cancel);
        var runs = new List<string>();
        foreach (var draft in drafts)
            runs.Add((await starter.StartAsync(draft, row.Id, cancel)).Id);
        return new ComparisonDto(row.Id, row.Name, row.CreatedAt, runs, row.EstimatedSeconds);
    }

    private static IReadOnlyList<RunDraft> Drafts(StartComparison order)
    {
        ArgumentNullException.ThrowIfNull(order);
        var types = (order.PeftTypes ?? []).Distinct(StringComparer.Ordinal).ToArray();
        var seeds = order.Seeds is { Count: > 0 } given ? given.Distinct().ToArray() : [42];
        if (types.Length == 0)
            throw new PeftException("Choose at least one method to compare.");
        if (types.FirstOrDefault(type => !MethodCatalog.Knows(type)) is { } unknown)
            throw new PeftException($"Method '{unknown}' is not known; known are {string.Join(", ", MethodCatalog.All.Select(method => method.PeftType))}.");
        if (types.Length * seeds.Length > LargestNumber)
            throw new PeftException($"{types.Length} methods with {seeds.Length} seeds are {types.Length * seeds.Length} runs; at most {LargestNumber} can be ordered at once.");
        if (seeds.Any(seed => seed < 0))
            throw new PeftException("Seeds must be 0 or more.");
        return [.. seeds.SelectMany((seed, index) => types
            .Where(type => type != TrainingDefaults.Baseline || index == 0)
            .Select(type => Draft(order, type, seed, seeds.Length > 1)))];
    }

    private static RunDraft Draft(StartComparison order, string type, int seed, bool named)
    {
        var display = MethodCatalog.All.First(method => method.PeftType == type).DisplayName;
        return new RunDraft
        {
            Name = named && type != TrainingDefaults.Baseline ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{display}, seed {seed}") : display,
            DatasetId = order.DatasetId,
            ModelId = order.ModelId,
            PeftType = type,
            Training = type == TrainingDefaults.Baseline ? [] : new() { ["seed"] = JsonSerializer.SerializeToElement(seed) },
            TestRecords = order.Quick ? QuickTestRecords : null,
        };
    }
}
