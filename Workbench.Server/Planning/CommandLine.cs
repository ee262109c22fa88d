using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workbench.Server.Planning;

/// <summary>The <c>peft train</c> command that does what a draft does; only what differs from the trainer's own defaults has to be said.</summary>
internal static class CommandLine
{
    public static string Of(RunPlan plan, string model, string dataset, string output)
    {
        var words = new List<string> { "peft", plan.IsBaseline ? "evaluate" : "train", "--base", model, "--data", dataset };
        if (!plan.IsBaseline)
            words.AddRange(["--method", plan.Draft.PeftType]);
        foreach (var (name, value) in Settings(plan))
            words.AddRange(["--set", $"{name}={Write(value)}"]);
        words.AddRange(["--dtype", plan.Draft.Dtype, "--device", plan.Draft.Device]);
        if (plan.Draft.Threads > 0)
            words.AddRange(["--threads", plan.Draft.Threads.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        if (!plan.IsBaseline)
            words.AddRange(["--output", output]);
        return string.Join(' ', words.Select(Quote));
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Settings(RunPlan plan)
    {
        if (plan.IsBaseline)
            yield break;
        foreach (var pair in plan.Resolved.Peft.Where(pair => pair.Key is not ("peft_type" or "task_type")))
            yield return pair;
        var defaults = new Peft.Core.Training.TrainingArguments().ToJson();
        foreach (var pair in plan.Resolved.Training.Where(pair => !JsonNode.DeepEquals(pair.Value, defaults[pair.Key])))
            yield return pair;
    }

    private static string Write(JsonNode? value) => value switch
    {
        null => "null",
        JsonArray list => string.Join(',', list.Select(Write)),
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        _ => value.ToJsonString(),
    };

    /// <summary>For a POSIX shell.</summary>
    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '=' or ',' or ':' or '+')
            ? word
            : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
