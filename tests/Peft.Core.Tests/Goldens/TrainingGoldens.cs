using System.Text.Json.Nodes;
using Peft.Core.Training;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>
/// Runs against what Hugging Face's Trainer reported: batches, losses, gradient norms and rates of every step, what was logged, dev losses,
/// the final weights, and going on from its checkpoint.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class TrainingGoldens
{
    private const int PerturbedRuns = 4;

    public static IEnumerable<object[]> Cases() => GoldenCase.Find("training");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Training_RecordedRun_Agrees(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new GoldenReport();
        if (golden.Text("subkind") == "arithmetic")
        {
            Count(golden, report);
        }
        else
        {
            using var scope = torch.NewDisposeScope();
            var perturbed = Enumerable.Range(1, PerturbedRuns).Select(seed =>
            {
                using var noisy = new TrainingGoldenRun(golden, report);
                noisy.TrainPerturbed(seed);
                return noisy.Trained();
            }).ToArray();

            using (var run = new TrainingGoldenRun(golden, report))
            {
                run.CheckGroups();
                run.Train();
                run.CheckFinal(perturbed);
            }

            if (golden.Json["resume"] is not null)
            {
                using var resumed = new TrainingGoldenRun(golden, report);
                resumed.GoOn();
                resumed.CheckFinal(perturbed);
            }
        }

        report.Throw();
    }

    private static void Count(GoldenCase golden, GoldenReport report)
    {
        foreach (var row in Rows(golden, "cases.jsonl"))
        {
            var arguments = new TrainingArguments
            {
                PerDeviceTrainBatchSize = (int)row["batch_size"]!,
                GradientAccumulationSteps = (int)row["accumulation"]!,
                NumTrainEpochs = (double)row["num_train_epochs"]!,
                MaxSteps = (int)row["max_steps"]!,
                DataloaderDropLast = (bool)row["drop_last"]!,
            };
            var (settings, records, result) = (BatchSettings.Of(arguments), (int)row["dataset"]!, row["result"]!);
            var steps = settings.StepsPerEpoch(records);
            var total = arguments.TotalSteps(steps);
            void Same(string field, int actual) => report.Check((int)result[field]! == actual, $"{row.ToJsonString()}: {field} is {actual}");
            Same("micro_batches_per_epoch", settings.BatchesPerEpoch(records));
            Same("update_steps_per_epoch", steps);
            Same("total_steps", total);
            Same("epochs_run", arguments.Epochs(steps));
            foreach (var (field, value) in result.AsObject().Where(pair => pair.Key.StartsWith("warmup_steps_at_ratio_", StringComparison.Ordinal)))
            {
                var ratio = double.Parse(field["warmup_steps_at_ratio_".Length..], System.Globalization.CultureInfo.InvariantCulture);
                Same(field, LearningRateSchedule.WarmupSteps(total, 0, ratio));
            }
        }
    }

    internal static IReadOnlyList<JsonObject> Rows(GoldenCase golden, string file) =>
        [.. File.ReadLines(Path.Combine(golden.Folder, file)).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!.AsObject())];
}
