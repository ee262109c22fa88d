using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Workbench.Server.Planning;

/// <summary>The <c>peft train</c> command that does what a draft does; what equals the worker's own defaults is left out.</summary>
internal static class CommandLine
{
    public static string Of(RunPlan plan, string model, string dataset, IReadOnlyList<RunDataset> mix)
    {
        var words = new List<string> { "peft", "train", "--base", model, "--dataset", dataset, "--method", plan.Draft.PeftType };
        if (plan.TaskType != (plan.Tasks.Count > 0 ? plan.Tasks[0] : plan.TaskType))
            words.AddRange(["--task", plan.TaskType]);
        foreach (var other in mix)
            words.AddRange(["--mix", $"{other.Dataset}={other.Weight.ToString("R", CultureInfo.InvariantCulture)}"]);
        if (mix.Count > 0 && plan.Draft.DatasetWeight is not 1)
            words.AddRange(["--dataset_weight", plan.Draft.DatasetWeight.ToString("R", CultureInfo.InvariantCulture)]);
        foreach (var (name, value) in Options(plan))
            words.AddRange(["--set", $"{name}={Write(value)}"]);
        foreach (var (name, value) in Arguments(plan))
            words.AddRange(["--" + name, Write(value)]);
        if (plan.Draft.Dtype != "auto")
            words.AddRange(["--dtype", plan.Draft.Dtype]);
        if (plan.Draft.Device != "cpu")
            words.AddRange(["--device", plan.Draft.Device]);
        if (plan.Draft.Threads > 0)
            words.AddRange(["--threads", plan.Draft.Threads.ToString(CultureInfo.InvariantCulture)]);
        if (plan.Draft.TestRecords is { } records)
            words.AddRange(["--test_records", records.ToString(CultureInfo.InvariantCulture)]);
        if (plan.Draft.MaxNewTokens != 100)
            words.AddRange(["--max_new_tokens", plan.Draft.MaxNewTokens.ToString(CultureInfo.InvariantCulture)]);
        return string.Join(' ', words.Select(Quote));
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Options(RunPlan plan)
    {
        var defaults = PeftMethodRegistry.TryFind(plan.Draft.PeftType)?.Options.ToDictionary(option => option.Name, option => option.Default) ?? [];
        return plan.Resolved.Peft.Where(pair => defaults.TryGetValue(pair.Key, out var standard) && !Same(pair.Value, standard));
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Arguments(RunPlan plan)
    {
        var defaults = new TrainingArguments().ToJson();
        return plan.Resolved.Training.Where(pair => !Same(pair.Value, defaults[pair.Key]));
    }

    /// <summary>Numbers are equal by value: 1 and 1.0 are one setting.</summary>
    private static bool Same(JsonNode? left, JsonNode? right) =>
        left?.GetValueKind() == JsonValueKind.Number && right?.GetValueKind() == JsonValueKind.Number
            ? left.Deserialize<double>().Equals(right.Deserialize<double>())
            : JsonNode.DeepEquals(left, right);

    private static string Write(JsonNode? value) => value switch
    {
        null => "null",
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        _ => value.ToJsonString(),
    };

    /// <summary>For a POSIX shell.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '=' or ',' or ':' or '+')
            ? word
            : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
