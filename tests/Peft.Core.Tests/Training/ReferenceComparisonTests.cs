using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Training;
using Xunit.Abstractions;

namespace Peft.Core.Tests.Training;

/// <summary>
/// The sample comparison as a whole, beside what Hugging Face PEFT reached with the same base, data and settings: three seeds of every
/// method, about three minutes of two cores each.
/// </summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Soak")]
public sealed class ReferenceComparisonTests(ITestOutputHelper output)
{
    private static readonly int[] s_seeds = [42, 1, 2];

    [Theory]
    [InlineData("lora", """{"peft_type":"LORA","r":8,"lora_alpha":16,"lora_dropout":0,"target_modules":"all-linear"}""", 0.008)]
    [InlineData("prefix-projection", """{"peft_type":"PREFIX_TUNING","num_virtual_tokens":20,"prefix_projection":true,"encoder_hidden_size":256}""", 0.005)]
    [InlineData("bitfit", """{"peft_type":"BITFIT"}""", 0.02)]
    public void Comparison_SampleSettings_ReachesTheReference(string method, string peft, double rate)
    {
        using var folder = new TemporaryFolder();
        var reference = JsonNode.Parse(File.ReadAllText(SampleFiles.Reference))!["results"]!.AsArray()
            .First(result => result!["method"]!.GetValue<string>() == method && result["steps"]!.GetValue<int>() == 200)!;
        var results = s_seeds.Select(seed => Train(folder.Path, peft, rate, seed, reference["test_examples"]!.GetValue<int>())).ToArray();
        foreach (var (seed, result) in s_seeds.Zip(results))
            output.WriteLine($"{method} seed {seed}: dev loss {result.DevLoss:F4}, F1 {result.F1:F4}, trained {result.TrainSeconds:F0} s, decoded {result.EvalSeconds:F0} s, peak {result.PeakRss >> 20} MiB");

        var devLoss = results.Average(result => result.DevLoss!.Value);
        var f1 = results.Average(result => result.F1!.Value);
        var wanted = reference["dev_loss_mean"]!.GetValue<double>();
        Assert.True(devLoss <= wanted * 1.05, $"dev loss {devLoss:F4}, reference {wanted:F4}");
        Assert.True(f1 >= reference["test_f1_range"]![0]!.GetValue<double>(), $"F1 {f1:F4}, lowest of the reference {reference["test_f1_range"]![0]}");
    }

    private static RunMetrics Train(string runs, string peft, double rate, int seed, int testRecords)
    {
        var paths = RunDirectory.Create(runs, new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            BaseModel = SampleFiles.Base,
            BaseModelName = "mini-llama-zh",
            Dtype = "float32",
            Peft = JsonNode.Parse(peft)!.AsObject(),
            Dataset = SampleFiles.Dataset,
            Training = new JsonObject
            {
                ["learning_rate"] = rate,
                ["max_steps"] = 200,
                ["warmup_steps"] = 10,
                ["lr_min_ratio"] = 0.05,
                ["per_device_train_batch_size"] = 8,
                ["group_by_length"] = true,
                ["seed"] = seed,
                ["generation_samples"] = 0,
                ["save_steps"] = 0,
            },
            Evaluation = new RunEvaluation { MaxRecords = testRecords },
        });
        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));
        return EventLogReader.ReadAll(paths).OfType<RunMetrics>().Single();
    }
}
