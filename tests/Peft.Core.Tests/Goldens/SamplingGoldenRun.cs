using System.Text.Json.Nodes;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Goldens;

/// <summary>The draws that sampling, initial weights, dropout and shuffling are made of, against those of the reference's generator.</summary>
internal static class SamplingGoldenRun
{
    public static void Run(GoldenCase golden, GoldenReport report)
    {
        var tolerance = golden.Tolerance("streams");
        foreach (var row in GenerationGoldens.Rows(golden, "cases.jsonl"))
        {
            using var scope = NewDisposeScope();
            var seed = row["seed"]!.GetValue<long>();
            if (row["what"]!.GetValue<string>() == "multinomial")
                CheckMultinomial(row, seed, report);
            else
                CheckStreams(row, seed, tolerance, report);
        }
    }

    private static void CheckMultinomial(JsonObject row, long seed, GoldenReport report)
    {
        var lists = row["scores"]!.AsArray().Select(scores => scores!.AsArray().Select(score => (float)score!).ToArray()).ToArray();
        var probabilities = tensor(lists.SelectMany(scores => scores).ToArray(), lists.Length, lists[0].Length).softmax(-1);
        using var generator = new torch.Generator((ulong)seed, CPU);
        var drawn = Enumerable.Range(0, row["draws_one_at_a_time"]!.AsArray().Count)
            .Select(_ => probabilities.multinomial(1, false, generator).squeeze(1).data<long>().ToArray()).ToArray();
        Same(row["draws_one_at_a_time"]!.AsArray().Select(Longs).SelectMany(step => step), drawn.SelectMany(step => step), $"seed {seed} one at a time", report);
        Same(Longs(row["draws_with_replacement_10"]), Fresh(true, 10), $"seed {seed} with replacement", report);
        Same(Longs(row["draws_without_replacement_4"]), Fresh(false, 4), $"seed {seed} without replacement", report);

        long[] Fresh(bool replacement, long count)
        {
            using var anew = new torch.Generator((ulong)seed, CPU);
            return probabilities[0].multinomial(count, replacement, anew).data<long>().ToArray();
        }
    }

    private static void CheckStreams(JsonObject row, long seed, double tolerance, GoldenReport report)
    {
        void Stream(string name, Func<Tensor> draw)
        {
            manual_seed(seed);
            var drawn = draw().to(ScalarType.Float64).data<double>().ToArray();
            var recorded = row[name]!.AsArray().Select(value => (double)value!).ToArray();
            report.Check(recorded.Length == drawn.Length && recorded.Zip(drawn).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance), $"seed {seed} {name}: {string.Join(' ', drawn)}");
        }

        Stream("rand5", () => rand(5));
        Stream("randn5", () => randn(5));
        Stream("randn20", () => randn(20));
        Stream("randint_100_x8", () => randint(0, 100, [8]));
        Stream("randperm10", () => randperm(10));
        Stream("exponential5", () => empty(5).exponential_(1));
        Stream("bernoulli_0.3_x12", () => empty(12).bernoulli_(0.3));
        Stream("uniform_-1_1_x5", () => empty(5).uniform_(-1, 1));
        Stream("normal_0_0.02_x20", () => empty(20).normal_(0, 0.02));
        var known = new HashSet<string> { "what", "seed", "rand5", "randn5", "randn20", "randint_100_x8", "randperm10", "exponential5", "bernoulli_0.3_x12", "uniform_-1_1_x5", "normal_0_0.02_x20" };
        report.Check(row.All(field => known.Contains(field.Key)), "a recorded stream is not replayed: " + string.Join(' ', row.Select(field => field.Key)));
    }

    private static void Same(IEnumerable<long> expected, IEnumerable<long> drawn, string what, GoldenReport report) =>
        report.Check(expected.SequenceEqual(drawn), $"{what}: {string.Join(' ', drawn)} instead of {string.Join(' ', expected)}");

    private static long[] Longs(JsonNode? list) => [.. list!.AsArray().Select(value => (long)value!)];
}
