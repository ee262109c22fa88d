using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Compare;

/// <summary>One setting of a run beside the default of its method.</summary>
public sealed record SettingAgainstDefault(string Name, string Value, string Default, bool Changed);

/// <summary>One setting over all runs.</summary>
public sealed record SettingRow(string Name, IReadOnlyList<string> Values, bool Differs);

/// <summary>Settings of runs side by side. What a draft leaves out takes the default of its method, so that a default is not shown as a difference.</summary>
public static class SettingsTable
{
    private const string Absent = "–";

    public static IReadOnlyList<SettingRow> Build(IReadOnlyList<RunDetail> runs, IReadOnlyList<MethodDto> methods)
    {
        var columns = runs.Select(run => Flatten(run, methods.FirstOrDefault(method => method.PeftType == run.Draft.PeftType))).ToArray();
        return [.. columns.SelectMany(column => column.Keys).Distinct().Select(name => Row(name, columns))];
    }

    /// <summary>What a run was ordered with beside what its method would have chosen.</summary>
    public static IReadOnlyList<SettingAgainstDefault> AgainstDefaults(RunDetail run, IReadOnlyList<MethodDto> methods)
    {
        var method = methods.FirstOrDefault(candidate => candidate.PeftType == run.Draft.PeftType);
        var defaults = Flatten(run with { Draft = run.Draft with { Peft = [], Training = [], Dtype = "auto" } }, method);
        return [.. Flatten(run, method).Select(pair => Against(pair.Key, pair.Value, defaults.GetValueOrDefault(pair.Key)))];
    }

    private static SettingAgainstDefault Against(string name, string value, string? standard) =>
        new(name, value, standard ?? Absent, standard is not null && standard != value);

    private static SettingRow Row(string name, Dictionary<string, string>[] columns)
    {
        var values = columns.Select(column => column.GetValueOrDefault(name, Absent)).ToArray();
        return new(name, values, values.Distinct().Count() > 1);
    }

    private static Dictionary<string, string> Flatten(RunDetail run, MethodDto? method)
    {
        var draft = run.Draft;
        var settings = new Dictionary<string, string>
        {
            ["base_model"] = run.Summary.ModelName,
            ["dataset"] = run.Summary.DatasetName,
            ["peft_type"] = draft.PeftType,
            ["dtype"] = draft.Dtype,
            ["device"] = draft.Device,
        };
        if (method is not null)
        {
            settings["learning_rate"] = Invariant(method.Preset.LearningRate);
            settings["max_steps"] = Invariant(method.Preset.MaxSteps);
            settings["per_device_train_batch_size"] = Invariant(method.Preset.BatchSize);
            foreach (var option in method.Options)
                settings[option.Name] = Show(option.DefaultJson);
        }

        foreach (var (name, value) in draft.Training.Concat(draft.Peft))
            settings[name] = Show(value.GetRawText());
        return settings;
    }

    /// <summary>JSON as a person reads it: texts without quotes, numbers in one spelling.</summary>
    public static string Show(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Show(document.RootElement);
    }

    private static string Show(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => Invariant(value.GetDouble()),
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Show)),
        JsonValueKind.Null => Absent,
        _ => value.GetRawText(),
    };

    private static string Invariant(double value) => value.ToString("0.##########", System.Globalization.CultureInfo.InvariantCulture);
}
