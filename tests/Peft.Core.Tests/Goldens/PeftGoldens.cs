using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>
/// Methods against recorded trainings: counts, seeded initial weights, outputs, every step's loss, gradient norm and rate, gradients,
/// the final adapter and its file, merged outputs, greedy tokens.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class PeftGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("peft");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Method_RecordedTraining_Agrees(string path)
    {
        var golden = GoldenCase.Open(path);
        SkipUnsupported(golden);
        using var scope = torch.NewDisposeScope();
        var report = new GoldenReport();
        using var run = new PeftGoldenRun(golden, report);
        run.CheckCounts();
        run.CheckInitialWeights();
        run.StartFromRecordedWeights();
        run.CheckOutputs("initial");
        run.Train();
        run.CheckFinalAdapter();
        run.CheckOutputs("final");
        if (golden.Flag("generates"))
            run.CheckGreedy();
        run.CheckSavedFolder();
        if (golden.Flag("merges"))
            run.CheckMerged();
        report.Throw();
    }

    private static void SkipUnsupported(GoldenCase golden)
    {
        var (method, architecture, task) = (golden.Text("peft_type"), golden.Text("model_type"), golden.Text("task_type"));
        Skip.If(PeftMethodRegistry.TryFind(method) is null, $"method {method} is not supported yet");
        Skip.IfNot(ModelRegistry.All.Any(m => m.ModelType == architecture), $"architecture {architecture} is not supported yet");
        var problems = Config(golden).Validate(ModelConfig.Load(golden.Base, ModelTasks.Parse(task))).Problems;
        Skip.If(problems.Count > 0, string.Join(" ", problems.Select(p => $"{p.Field}: {p.Message}")));
    }

    internal static PeftConfig Config(GoldenCase golden)
    {
        var json = golden.Json["config"]!.DeepClone().AsObject();
        json["peft_type"] = golden.Text("peft_type");
        json["task_type"] = golden.Text("task_type");
        if (golden.Text("peft_type") is "HOULSBY" or "PFEIFFER" or "BOTTLENECK")
            json["name"] = "golden"; // as AdapterHub's cases call their adapter
        return PeftConfig.FromJson(WithPaths(json));
    }

    /// <summary>Paths inside cases are relative to the root of the tree.</summary>
    internal static JsonObject WithPaths(JsonObject json)
    {
        const string field = "prompt_tuning_init_state_dict_path";
        if (json[field] is { } path)
            json[field] = Path.Combine(GoldenCase.Root, path.GetValue<string>());
        return json;
    }
}
