using System.Globalization;
using System.Text;
using Peft.Core.Methods;
using Peft.Core.Models;

namespace Peft.Core.Runs;

/// <summary>The card (README.md) of a model that an adapter was merged into: base, method, settings, and what the adapter's run reached.</summary>
public static class MergedCard
{
    /// <summary>The card as Markdown.</summary>
    /// <param name="name">Name of the new model.</param>
    /// <param name="baseName">Name of the base.</param>
    /// <param name="model">The base's config.</param>
    /// <param name="config">The adapter's settings.</param>
    /// <param name="adapterFolder">Where the adapter lies; the facts of its run are read from beside it, where there are any.</param>
    /// <param name="check">What the merge did to the outputs.</param>
    public static string Of(string name, string baseName, ModelConfig model, PeftConfig config, string adapterFolder, MergeReport check)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(check);
        var method = PeftMethodRegistry.Find(config.PeftType);
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"---");
        Line($"base_model: {baseName}");
        Line($"base_model_relation: finetune");
        Line($"---");
        Line($"# {name}");
        Line($"");
        Line($"{baseName} with an adapter ({method.DisplayName}) merged into its weights. It needs no adapter and no extra library.");
        Line($"");
        Line($"- Architecture: `{model.ModelType}`, {model.ParameterCount():N0} parameters.");
        Line($"- Method: {method.DisplayName}, <{method.Paper}>; {config.Count(model).Line}.");
        if (check.LargestDifference is { } difference)
            Line($"- Merge check: outputs differ by at most {difference:G3} from base and adapter side by side (largest output {check.LargestOutput:G3}).");
        Facts(Path.GetDirectoryName(Path.GetFullPath(Path.TrimEndingDirectorySeparator(adapterFolder)))!, Line);
        Line($"");
        Line($"Settings of the adapter:");
        Line($"");
        Line($"```json");
        text.Append(config.ToJson().ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })).Append('\n');
        Line($"```");
        return text.ToString();
    }

    private static void Facts(string folder, Action<FormattableString> line)
    {
        var paths = new RunPaths(folder);
        if (!File.Exists(paths.Request) || !File.Exists(paths.Events))
            return;
        var request = RunDirectory.ReadRequest(paths);
        var events = EffectiveEvents.Of(EventLogReader.ReadAll(paths));
        line($"- Data: {Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(request.Dataset)) ?? request.Dataset)}, {events.OfType<RunModelReady>().LastOrDefault()?.TrainRecords ?? 0:N0} training records; task {request.TaskType}.");
        if (events.OfType<RunStep>().LastOrDefault() is { } step)
            line($"- Training: {step.Step} steps in {step.Seconds / 60:F1} minutes, training loss {step.Loss:F4} at the end.");
        if (events.OfType<RunEvalLoss>().LastOrDefault() is { } eval)
            line($"- Held-out loss: {eval.Loss:F4} on {eval.Records} records.");
        if (events.OfType<RunMetrics>().LastOrDefault() is { } scores)
        {
            if (scores.F1 is { } f1 && !scores.Metrics.ContainsKey("f1"))
                line($"- Score on {scores.Split}: F1 {f1:F4} ({scores.Records} records).");
            foreach (var (metric, value) in scores.Metrics.Where(pair => pair.Value is not null))
                line($"- Score on {scores.Split}: {metric} {value:F4} ({scores.Records} records).");
        }
    }
}
