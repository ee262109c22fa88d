using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Methods.Prefix;
using Peft.Core.Models;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Storage;

namespace Workbench.Server.Planning;

/// <summary>What a draft amounts to, before anything is started.</summary>
public sealed class RunPreviewer(RunPlanner planner, RunTimes times, DataDirectory data, TokenChecks tokens)
{
    public async Task<RunPreview> PreviewAsync(RunDraft draft, CancellationToken cancel)
    {
        var plan = await planner.PlanAsync(draft, cancel);
        var count = Count(plan);
        var memory = plan.Config is null
            ? new MemoryEstimate(0, 0, 0, 0, 0, MemoryPlan.Machine())
            : MemoryPlan.Estimate(plan.Config, plan.Trained, plan.Arguments, plan.Arguments.MaxLength, plan.WeightBytes, trains: !plan.IsBaseline);
        IReadOnlyList<DraftProblem> problems = memory.Total > memory.Machine
            ? [.. plan.Problems, new DraftProblem("memory", "warning", "memory_short", $"The run needs about {Gigabytes(memory.Total)} GB, this machine has {Gigabytes(memory.Machine)} GB.")]
            : plan.Problems;
        problems = [.. problems, .. await tokens.CheckAsync(plan, cancel)];
        return new RunPreview(
            count?.Line ?? "",
            count?.Trainable ?? 0,
            count?.All ?? 0,
            AdapterBytes(plan),
            memory,
            plan.CanStart ? await times.EstimateAsync(plan, cancel) : null,
            CommandLine.Of(
                plan,
                plan.Model is null ? draft.ModelId : data.Resolve(plan.Model.Path),
                plan.Dataset is null ? draft.DatasetId : data.Resolve($"datasets/{plan.Dataset.Id}"),
                [.. plan.Mix.Select(other => new RunDataset(data.Resolve($"datasets/{other.Dataset.Id}"), other.Weight))]),
            problems,
            Elements(plan.Resolved.Peft),
            Training(plan.Resolved.Training),
            plan.TaskType)
        {
            Tasks = plan.Tasks,
            TrainingOptions = TrainingCatalog.All,
        };
    }

    /// <summary>The baseline trains nothing; null when the settings are unusable.</summary>
    private static ParameterCount? Count(RunPlan plan)
    {
        if (plan.Config is null || (!plan.IsBaseline && plan.Trained.Count == 0))
            return null;
        var all = plan.Config.ParameterCount() + plan.Trained.Where(shape => !shape.InBase).Sum(shape => shape.Count);
        return new ParameterCount(plan.Trained.Sum(shape => shape.Count), all);
    }

    /// <summary>Bytes of the weights as they are saved: float32; a projected prefix is saved as the keys and values that it makes.</summary>
    private static long AdapterBytes(RunPlan plan) => plan switch
    {
        { Trained.Count: 0 } or { Config: null } => 0,
        { Peft: PrefixTuningConfig prefix, Config: ModelConfig model } => sizeof(float) * 2L * prefix.NumVirtualTokens * model.NumHiddenLayers * PrefixTuningConfig.KeyWidth(model),
        _ => sizeof(float) * plan.Trained.Sum(shape => shape.Count),
    };

    private static Dictionary<string, JsonElement> Elements(JsonObject json) =>
        json.Where(pair => pair.Key is not ("peft_type" or "task_type")).ToDictionary(pair => pair.Key, pair => JsonSerializer.SerializeToElement(pair.Value));

    /// <summary>Every argument, those without a value as null: the form shows them, too.</summary>
    private static Dictionary<string, JsonElement> Training(JsonObject json) =>
        TrainingOption.All.ToDictionary(option => option.Name, option => JsonSerializer.SerializeToElement(json[option.Name]));

    private static string Gigabytes(long bytes) => (bytes / 1e9).ToString("0.0", System.Globalization.CultureInfo.InvariantCulture);
}
