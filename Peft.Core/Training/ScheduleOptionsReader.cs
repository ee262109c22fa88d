using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Peft.Core.Methods;
using Peft.Core.Runs;

namespace Peft.Core.Training;

/// <summary>Reads <c>lr_scheduler_kwargs</c>: the options of the schedule that is named beside them.</summary>
internal static class ScheduleOptionsReader
{
    /// <summary>The schedule that looks at evaluations.</summary>
    public const string Plateau = "reduce_lr_on_plateau";

    private static readonly JsonSerializerOptions s_strict = new(RunRequest.Json) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    private static readonly string[] s_all = Fields<ScheduleOptions>();

    private static readonly Dictionary<string, string[]> s_known = new(StringComparer.Ordinal)
    {
        [Plateau] = Fields<PlateauFields>(),
        ["cosine"] = ["num_cycles"],
        ["cosine_with_restarts"] = ["num_cycles"],
        ["polynomial"] = ["lr_end", "power"],
        ["cosine_with_min_lr"] = ["num_cycles", "min_lr", "min_lr_rate"],
        ["cosine_warmup_with_min_lr"] = ["num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"],
        ["warmup_stable_decay"] = ["num_decay_steps", "num_stable_steps", "min_lr_ratio", "warmup_type", "decay_type", "num_cycles"],
    };

    /// <summary>What is wrong with the options of a schedule.</summary>
    public static IEnumerable<PeftProblem> Problems(string schedule, JsonObject options)
    {
        var known = s_known.GetValueOrDefault(schedule, []);
        foreach (var (name, value) in options)
        {
            if (!known.Contains(name))
                yield return new PeftProblem("lr_scheduler_kwargs", known.Length == 0 ? $"{schedule} has no options, but '{name}' was given." : $"{schedule} has no option '{name}'; it has {string.Join(", ", known)}.");
            else if (!Readable(schedule, name, value))
                yield return new PeftProblem("lr_scheduler_kwargs", $"'{name}' has an unusable value: {value?.ToJsonString() ?? "null"}.");
        }

        if (schedule == "warmup_stable_decay" && !options.ContainsKey("num_decay_steps"))
            yield return new PeftProblem("lr_scheduler_kwargs", "warmup_stable_decay needs num_decay_steps, the steps of falling rate: {\"num_decay_steps\": 50}.");
    }

    /// <summary>Checked options of a schedule by step.</summary>
    public static ScheduleOptions Of(JsonObject options) => options.Count == 0 || options.Any(pair => !s_all.Contains(pair.Key))
        ? new ScheduleOptions()
        : options.Deserialize<ScheduleOptions>(s_strict)!;

    /// <summary>Checked options of the schedule that looks at evaluations.</summary>
    /// <param name="options">The options.</param>
    public static PlateauOptions PlateauOf(JsonObject options)
    {
        var read = options.Deserialize<PlateauFields>(s_strict)!;
        return new PlateauOptions(
            read.Factor, read.Patience, read.Threshold, read.ThresholdMode == "rel", read.Cooldown, read.MinLr, read.Eps, read.Mode == "max");
    }

    private static bool Readable(string schedule, string name, JsonNode? value)
    {
        try
        {
            var alone = new JsonObject { [name] = value?.DeepClone() };
            if (schedule != Plateau)
                return alone.Deserialize<ScheduleOptions>(s_strict) is { WarmupType: null or "linear" or "cosine" or "1-sqrt", DecayType: null or "linear" or "cosine" or "1-sqrt" };
            return alone.Deserialize<PlateauFields>(s_strict) is { Mode: "min" or "max", ThresholdMode: "rel" or "abs", Factor: > 0 and < 1, Patience: >= 0, Cooldown: >= 0, MinLr: >= 0 };
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string[] Fields<T>() =>
        [.. typeof(T).GetProperties().Where(p => p.CanWrite).Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name))];

    /// <summary>The arguments of <c>torch.optim.lr_scheduler.ReduceLROnPlateau</c> under their names.</summary>
    private sealed record PlateauFields(
        string Mode = "min", double Factor = 0.1, int Patience = 10, double Threshold = 1e-4, string ThresholdMode = "rel", int Cooldown = 0, double MinLr = 0, double Eps = 1e-8);
}
