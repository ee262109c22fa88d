using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Storage;

namespace Workbench.Server.Planning;

/// <summary>Looks at a draft from all sides without tensors and collects everything that is wrong with it at once.</summary>
public sealed class RunPlanner(IDbContextFactory<WorkbenchDb> databases, DatasetStore datasets, DataDirectory data, Machine machine)
{
    public async Task<RunPlan> PlanAsync(RunDraft draft, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(draft);
        if (!MethodCatalog.Knows(draft.PeftType))
            throw new PeftException($"peft_type: '{draft.PeftType}' is not known; known are {string.Join(", ", MethodCatalog.All.Select(method => method.PeftType))}.");
        await using var db = await databases.CreateDbContextAsync(cancel);
        var dataset = await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == draft.DatasetId, cancel);
        var model = await db.Models.AsNoTracking().SingleOrDefaultAsync(row => row.Id == draft.ModelId, cancel);
        var problems = new List<DraftProblem>();
        var (config, tasks, task) = Config(draft, model, dataset, problems);
        CheckData(draft, dataset, problems);
        CheckMachine(draft, problems);
        var mix = await MixAsync(db, draft, task, problems, cancel);
        var resolved = DraftResolver.Resolve(draft, config?.MaxPositionEmbeddings ?? int.MaxValue, task);
        problems.AddRange(resolved.Unknown.Select(name => Error(name, "unknown_option", $"{name} is no option of {draft.PeftType} and no training argument.")));
        var (arguments, training) = TrainingChecks.Read(resolved.Training, config?.MaxPositionEmbeddings);
        if (draft.PeftType != TrainingDefaults.Baseline)
            problems.AddRange(training);
        var peft = draft.PeftType == TrainingDefaults.Baseline ? null : Read(resolved.Peft, problems);
        var plan = new RunPlan
        {
            Draft = draft,
            Resolved = resolved,
            Arguments = arguments,
            TaskType = task,
            Tasks = tasks,
            Dataset = dataset,
            Mix = mix,
            Model = model,
            Config = config,
            Peft = peft,
            Trained = peft is not null && config is not null ? Shapes(peft, config, task, problems) : [],
            Problems = problems,
        };
        if (peft is not null)
            problems.AddRange(RunHints.Of(draft.PeftType, resolved.Peft, arguments, config, plan.Steps));
        return plan;
    }

    private (ModelConfig? Config, IReadOnlyList<string> Tasks, string Task) Config(
        RunDraft draft, ModelEntity? model, DatasetEntity? dataset, List<DraftProblem> problems)
    {
        var wanted = draft.TaskType is { Length: > 0 } given ? given : null;
        if (model is null)
        {
            problems.Add(Error("base_model", "model_unknown", $"There is no base model '{draft.ModelId}'. Choose one of the list."));
            return (null, [], wanted ?? "CAUSAL_LM");
        }

        try
        {
            var folder = data.Resolve(model.Path);
            var plain = ModelConfig.Load(folder);
            var kind = dataset?.Kind ?? DatasetKind.Instruction;
            string[] tasks = [.. TrainingTasks.Fitting(TaskContents.ToEngine(kind), ModelRegistry.Find(plain.ModelType).Tasks).Select(fitting => fitting.Name())];
            if (tasks.Length == 0)
                problems.Add(Error("task_type", "task_impossible", $"'{model.Name}' ({model.Architecture}) cannot learn from this dataset. Choose a base that can, or another dataset."));
            else if (wanted is not null && !tasks.Contains(wanted))
                problems.Add(Error("task_type", "task_unknown", $"task_type '{wanted}' does not fit: this dataset and base allow {string.Join(", ", tasks)}."));
            var task = wanted is not null && tasks.Contains(wanted) ? wanted : (tasks.Length > 0 ? tasks[0] : "CAUSAL_LM");
            var labels = dataset is null || ModelTasks.Parse(task) is ModelTask.CausalLm or ModelTask.Seq2SeqLm ? null : datasets.LabelCount(dataset.Id, kind);
            return (tasks.Length == 0 ? null : ModelConfig.Load(folder, ModelTasks.Parse(task), labels), tasks, task);
        }
        catch (PeftException refusal)
        {
            problems.Add(Error("base_model", "model_unusable", refusal.Message));
            return (null, [], wanted ?? "CAUSAL_LM");
        }
    }

    private static void CheckData(RunDraft draft, DatasetEntity? dataset, List<DraftProblem> problems)
    {
        var baseline = draft.PeftType == TrainingDefaults.Baseline;
        if (dataset is null)
            problems.Add(Error("dataset", "dataset_unknown", $"There is no dataset '{draft.DatasetId}'. Choose one of the list."));
        else if (dataset.Train + dataset.Dev + dataset.Test == 0)
            problems.Add(Error("dataset", "dataset_empty", $"Dataset '{dataset.Name}' is empty. Import or type records first."));
        else if (dataset.Train == 0 && !baseline)
            problems.Add(Error("dataset", "train_empty", $"Dataset '{dataset.Name}' has no training records. Split it, or move records to train."));
        else if (dataset.Test == 0 && baseline)
            problems.Add(Error("dataset", "test_empty", $"Dataset '{dataset.Name}' has no test records, and a baseline does nothing but answer those. Split it first."));
        else if (dataset.Test == 0 && draft.TestRecords != 0)
            problems.Add(Warning("dataset", "no_test", $"Dataset '{dataset.Name}' has no test records: the run will have no score."));
        if (dataset is { Dev: 0, Train: > 0 } && !baseline)
            problems.Add(Warning("dataset", "no_dev", $"Dataset '{dataset.Name}' has no dev records: there will be no dev loss to tell learning from memorizing."));
        if (draft.TestRecords < 0)
            problems.Add(Error("test_records", "out_of_range", "The number of test records must be 0 or more."));
        if (draft.MaxNewTokens is < 1 or > 4096)
            problems.Add(Error("max_new_tokens", "out_of_range", $"max_new_tokens must lie between 1 and 4096, but is {draft.MaxNewTokens}."));
    }

    private static async Task<IReadOnlyList<(DatasetEntity, double)>> MixAsync(WorkbenchDb db, RunDraft draft, string task, List<DraftProblem> problems, CancellationToken cancel)
    {
        var mix = new List<(DatasetEntity, double)>();
        var weights = draft.Mix.Select(other => other.Weight);
        if (draft.Mix.Count > 0 && weights.Append(draft.DatasetWeight).Any(weight => weight is not (> 0 and < double.PositiveInfinity)))
            problems.Add(Error("mix", "mix_weight", "Every weight of a mixture must be a number above 0."));
        foreach (var other in draft.Mix)
        {
            var found = await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == other.DatasetId, cancel);
            if (found is null || other.DatasetId == draft.DatasetId)
                problems.Add(Error("mix", "mix_unknown", $"There is no other dataset '{other.DatasetId}' to mix in. Choose one of the list."));
            else if (found.Train == 0)
                problems.Add(Error("mix", "mix_empty", $"Dataset '{found.Name}' has no training records to mix in."));
            else if (!TrainingTasks.KindsFor(ModelTasks.Parse(task)).Contains(TaskContents.ToEngine(found.Kind)))
                problems.Add(Error("mix", "mix_kind", $"Dataset '{found.Name}' does not serve {task}, so it cannot be mixed in."));
            else
                mix.Add((found, other.Weight));
        }

        return mix;
    }

    private void CheckMachine(RunDraft draft, List<DraftProblem> problems)
    {
        if (machine.Refusal(draft.Device) is { } refusal)
            problems.Add(Error("device", "device_absent", refusal));
        if (draft.Dtype is not ("auto" or "float32" or "bfloat16"))
            problems.Add(Error("dtype", "dtype_unknown", $"dtype '{draft.Dtype}' is not known; known are auto, float32 and bfloat16."));
        if (draft.Threads < 0 || draft.Threads > 1024)
            problems.Add(Error("threads", "out_of_range", $"threads must lie between 0 (all cores) and 1024, but is {draft.Threads}."));
    }

    private static PeftConfig? Read(JsonObject peft, List<DraftProblem> problems)
    {
        try
        {
            return PeftConfig.FromJson(peft);
        }
        catch (PeftException refusal)
        {
            var field = peft.Select(pair => pair.Key).FirstOrDefault(name => refusal.Message.Contains($"'{name}'", StringComparison.Ordinal)) ?? "peft_type";
            problems.Add(Error(field, "unreadable", refusal.Message));
            return null;
        }
    }

    private static IReadOnlyList<TrainableShape> Shapes(PeftConfig peft, ModelConfig config, string task, List<DraftProblem> problems)
    {
        var checks = peft.Validate(config);
        problems.AddRange(checks.Problems.Select(problem => Error(problem.Field, "invalid_" + problem.Field, $"{problem.Field}: {problem.Message}") with
        {
            Instead = problem.Field == "peft_type" ? MethodSuggestions.For(peft.PeftType, config, task) : [],
        }));
        problems.AddRange(checks.Warnings.Select(problem => Warning(problem.Field, "doubtful_" + problem.Field, $"{problem.Field}: {problem.Message}")));
        return checks.IsValid ? peft.TrainableShapes(config) : [];
    }

    private static DraftProblem Error(string field, string code, string message) => new(field, "error", code, message);

    private static DraftProblem Warning(string field, string code, string message) => new(field, "warning", code, message);
}
