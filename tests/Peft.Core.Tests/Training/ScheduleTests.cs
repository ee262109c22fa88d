using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Peft.Core.Tests.Goldens;
using Peft.Core.Training;

namespace Peft.Core.Tests.Training;

public sealed class ScheduleTests
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("schedule")
        .SelectMany(found => Rows((string)found[0], "cases.jsonl").Select(row => row["scheduler"]!.GetValue<string>()).Distinct().Select(name => new[] { found[0], name }));

    public static IEnumerable<object[]> WarmupCases() => GoldenCase.Find("schedule");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    [Trait("Category", "Goldens")]
    public void Schedule_RecordedRates_Agree(string path, string scheduler)
    {
        foreach (var row in Rows(path, "cases.jsonl").Where(row => row["scheduler"]!.GetValue<string>() == scheduler))
        {
            LearningRateSchedule Create() => LearningRateSchedule.Create(
                scheduler,
                row["lr"]!.GetValue<double>(),
                row["num_warmup_steps"]!.GetValue<int>(),
                row["num_training_steps"]!.GetValue<int>(),
                options: row["kwargs"]!.Deserialize<ScheduleOptions>(SnakeCase));
            if (row["error"] is not null)
            {
                Assert.Throws<PeftException>(Create);
                continue;
            }

            var schedule = Create();
            var rates = row["lrs"]!.AsArray().Select(rate => rate!.GetValue<double>()).ToArray();
            for (var step = 0; step < rates.Length; step++)
                Assert.True(Math.Abs(rates[step] - schedule.At(step)) <= 1e-12 + (1e-6 * rates[step]), $"{row.ToJsonString()[..120]} step {step}: {schedule.At(step)} instead of {rates[step]}");
        }
    }

    [Theory]
    [MemberData(nameof(WarmupCases))]
    [Trait("Category", "Goldens")]
    public void WarmupSteps_RecordedRows_Agree(string path) => Assert.All(Rows(path, "warmup.jsonl"), row => Assert.Equal(
        row["result"]!.GetValue<int>(),
        LearningRateSchedule.WarmupSteps(row["num_training_steps"]!.GetValue<int>(), row["warmup_steps"]!.GetValue<int>(), row["warmup_ratio"]!.GetValue<double>())));

    [Fact]
    public void Linear_WithMinRatio_EndsThere()
    {
        var schedule = LearningRateSchedule.Create("linear", 2, 10, 110, minRatio: 0.05);

        Assert.Equal(0, schedule.At(0));
        Assert.Equal(2, schedule.At(10));
        Assert.Equal(0.1, schedule.At(110), 12);
        Assert.Equal(0.1, schedule.At(500), 12);
    }

    [Theory]
    [MemberData(nameof(WarmupCases))]
    [Trait("Category", "Goldens")]
    public void Plateau_RecordedRates_Agree(string path) => Assert.All(Rows(path, "plateau.jsonl"), row =>
    {
        var given = row["kwargs"]!;
        var options = given.Deserialize<PlateauOptions>(SnakeCase)! with
        {
            Larger = given["mode"]?.GetValue<string>() == "max",
            Relative = given["threshold_mode"]?.GetValue<string>() != "abs",
        };
        var schedule = new PlateauSchedule(row["lr"]!.GetValue<double>(), options);
        foreach (var (metric, expected) in row["metrics"]!.AsArray().Zip(row["lrs_after"]!.AsArray()))
            Assert.Equal(expected!.GetValue<double>(), schedule.Evaluated(metric!.GetValue<double>()), 1e-12);
    });

    private static readonly JsonSerializerOptions SnakeCase = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    private static IEnumerable<JsonNode> Rows(string path, string file) =>
        File.ReadLines(Path.Combine(GoldenCase.Root, path, file)).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!);
}
