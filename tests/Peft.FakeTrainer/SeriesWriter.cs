using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Runs;

namespace Peft.FakeTrainer;

/// <summary>Writes finished run directories with long logs, as a month of training would leave them: for charts, tests and benches.</summary>
internal static class SeriesWriter
{
    /// <summary>Step of the one-step spike that every run has, as a share of its steps.</summary>
    private const double SpikeAt = 0.6180;

    public static void Write(string runsFolder, int runs, int steps)
    {
        for (var run = 0; run < runs; run++)
        {
            var id = Ulid.NewUlid(new DateTimeOffset(2026, 1, 1, 0, run, 0, TimeSpan.Zero), [0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)run]).ToString();
            var paths = RunDirectory.Create(runsFolder, Request(id, run, steps));
            using var log = new StreamWriter(paths.Events, append: false, new UTF8Encoding(false), 1 << 20);
            log.NewLine = "\n";
            WriteEvents(log, run, steps);
            Console.WriteLine($"{paths.Root}: {steps} steps, spike at step {Spike(steps)}");
        }
    }

    private static int Spike(int steps) => Math.Max(1, (int)(steps * SpikeAt));

    private static RunRequest Request(string id, int run, int steps) => new()
    {
        Id = id,
        Name = $"long run {run + 1}",
        BaseModel = "models/mini-llama-zh",
        BaseModelName = "mini-llama-zh",
        Dataset = "datasets/sample/snapshot",
        Peft = new JsonObject { ["peft_type"] = "LORA", ["r"] = 8 },
        Training = new JsonObject { ["max_steps"] = steps, ["learning_rate"] = 2e-4 },
        CreatedAt = new DateTimeOffset(2026, 1, 1, 0, run, 0, TimeSpan.Zero),
    };

    private static void WriteEvents(StreamWriter log, int run, int steps)
    {
        var random = new Random(run);
        var spike = Spike(steps);
        long seq = 0, tokens = 0;
        var time = 1_767_225_600_000L + (run * 60_000L);
        double seconds = 0;
        string Common(int step) => string.Create(CultureInfo.InvariantCulture, $"\"seq\":{++seq},\"attempt\":1,\"time\":{time},\"step\":{step}");
        log.WriteLine($"{{\"kind\":\"state\",\"state\":\"starting\",{Common(0)}}}");
        log.WriteLine(
            $"{{\"kind\":\"model\",\"trainable_params\":12288,\"all_params\":8000000,\"line\":\"trainable params: 12,288 || all params: 8,000,000 || trainable%: 0.1536\",\"total_steps\":{steps},{Common(0)}}}");
        log.WriteLine($"{{\"kind\":\"state\",\"state\":\"training\",{Common(0)}}}");
        for (var step = 1; step <= steps; step++)
        {
            tokens += 500 + random.Next(50);
            seconds += 0.05;
            time += 50;
            var loss = step == spike ? 40 + run : 0.3 + (run * 0.05) + (3.5 / (1 + (step / (400.0 + (run * 50))))) + (0.1 * random.NextDouble());
            var rate = 2e-4 * (1 - ((double)step / steps));
            log.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{{\"kind\":\"step\",\"loss\":{loss:R},\"learning_rate\":{rate:R},\"grad_norm\":{1 + random.NextDouble():R},\"epoch\":{step / 300.0:R},\"tokens\":{tokens},\"tokens_per_second\":{10000 + random.Next(2000)},\"seconds\":{seconds:R},\"rss\":{600_000_000 + random.Next(1_000_000)},{Common(step)}}}"));
            if (step % 500 == 0)
            {
                log.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{{\"kind\":\"eval\",\"loss\":{loss * 1.05:R},\"split\":\"dev\",\"records\":300,\"seconds\":2,\"train_seconds\":{seconds:R},\"tokens\":{tokens},{Common(step)}}}"));
            }
        }

        log.WriteLine($"{{\"kind\":\"state\",\"state\":\"completed\",{Common(steps)}}}");
    }
}
