using System.Globalization;
using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>
/// What the form holds while a run is being prepared: the chosen parts and the texts that differ from their defaults. Only those go into the draft,
/// so a default stays a default.
/// </summary>
public sealed class DraftForm
{
    public const string LearningRate = "learning_rate";

    /// <summary>Above this, training of these models has never gone well.</summary>
    public const double HighLearningRate = 0.5;

    private readonly Dictionary<string, string> _changed = [];
    private List<DraftField> _fields = [];

    public string Name { get; set; } = "";

    public string? DatasetId { get; set; }

    /// <summary>Weights of the datasets that are mixed in, as typed.</summary>
    public Dictionary<string, string> Mix { get; } = [];

    /// <summary>Weight of the chosen dataset beside those, as typed.</summary>
    public string DatasetWeight { get; set; } = "1";

    public string? ModelId { get; set; }

    public MethodDto? Method { get; private set; }

    /// <summary>By PEFT's name; null leaves it to what dataset and base suggest.</summary>
    public string? TaskType { get; set; }

    public string Dtype { get; set; } = "auto";

    public string Device { get; set; } = "cpu";

    public int Threads { get; set; }

    public int? TestRecords { get; set; }

    public int MaxNewTokens { get; set; } = 100;

    public IReadOnlyList<DraftField> Fields => _fields;

    public IEnumerable<string> Changed => _changed.Keys;

    public bool IsChosen => DatasetId is not null && ModelId is not null && Method is not null;

    /// <summary>Another method brings its own options; training arguments that were changed stay changed.</summary>
    public void Choose(MethodDto method)
    {
        Method = method;
        var training = _fields.Where(field => field.Section == DraftSection.Training && !IsPreset(field.Name)).ToArray();
        _fields = [.. method.Options.Select(DraftField.OfOption), .. Preset(method), .. training];
        foreach (var name in _changed.Keys.Where(name => _fields.All(field => field.Name != name)).ToArray())
            _changed.Remove(name);
    }

    /// <summary>Takes the training arguments that the server would use, asked for without any change: they are the defaults.</summary>
    public void Describe(IReadOnlyDictionary<string, JsonElement> training, IReadOnlyList<MethodOptionDto>? described = null)
    {
        var reasons = Method?.Preset.Reasons ?? new Dictionary<string, string>();
        var others = training.Where(pair => !IsPreset(pair.Key)).Select(pair => DraftField.OfTraining(pair.Key, pair.Value, reasons, described?.FirstOrDefault(option => option.Name == pair.Key)));
        _fields = [.. _fields.Where(field => field.Section == DraftSection.Peft || IsPreset(field.Name)), .. others];
    }

    /// <summary>Fills in what an earlier run was ordered with.</summary>
    public void Take(RunDraft draft)
    {
        Name = draft.Name;
        Mix.Clear();
        foreach (var other in draft.Mix)
            Mix[other.DatasetId] = other.Weight.ToString("R", CultureInfo.InvariantCulture);
        DatasetWeight = draft.DatasetWeight.ToString("R", CultureInfo.InvariantCulture);
        TaskType = draft.TaskType;
        Dtype = draft.Dtype;
        Device = draft.Device;
        Threads = draft.Threads;
        TestRecords = draft.TestRecords;
        MaxNewTokens = draft.MaxNewTokens;
        foreach (var (name, value) in draft.Peft.Concat(draft.Training))
            Set(name, DraftField.Write(value));
    }

    public string Text(string name) => _changed.TryGetValue(name, out var text) ? text : Field(name)?.DefaultText ?? "";

    public void Set(string name, string text)
    {
        if (Field(name) is { } field && Same(field, text))
            _changed.Remove(name);
        else
            _changed[name] = text;
    }

    public void Reset(string name) => _changed.Remove(name);

    public bool IsChanged(string name) => _changed.ContainsKey(name) && Field(name) is not null;

    /// <summary>What is wrong with a text already while it is typed.</summary>
    public DraftProblem? Check(string name)
    {
        if (Field(name) is not { } field)
            return null;
        var text = Text(name).Trim();
        if (name == LearningRate && text.Equals("nan", StringComparison.OrdinalIgnoreCase))
            return new(name, "error", "learning_rate_nan", "The learning rate is not a number.");
        if (field.Read(text) is not { } value)
            return new(name, "error", "unreadable", $"'{text}' cannot be read as a value of {name}.");
        if (value.ValueKind != JsonValueKind.Number)
            return null;
        var number = value.GetDouble();
        if (name == LearningRate)
            return number <= 0 ? new(name, "error", "learning_rate_zero", "With a learning rate of 0 or less nothing is learned.")
                : number > HighLearningRate ? new(name, "warning", "learning_rate_high", "A learning rate this high usually diverges.")
                : null;
        if (number < field.Min || number > field.Max)
            return new(name, "error", "out_of_range", $"{name} must lie between {Bound(field.Min)} and {Bound(field.Max)}.");
        return null;
    }

    public IReadOnlyList<DraftProblem> Problems() => [.. _fields.Select(field => Check(field.Name)).OfType<DraftProblem>()];

    /// <summary>The order as it would be sent; texts that cannot be read are left out, their problem stands beside the field.</summary>
    public RunDraft Build() => new()
    {
        Name = Name.Trim(),
        Mix = [.. Mix.Where(other => other.Key != DatasetId).Select(other => new MixedDataset(other.Key, Weight(other.Value)))],
        DatasetWeight = Mix.Count == 0 ? 1 : Weight(DatasetWeight),
        DatasetId = DatasetId ?? throw new InvalidOperationException("A draft needs a dataset."),
        ModelId = ModelId ?? throw new InvalidOperationException("A draft needs a base model."),
        PeftType = Method?.PeftType ?? throw new InvalidOperationException("A draft needs a method."),
        TaskType = TaskType,
        Peft = Values(DraftSection.Peft),
        Training = Values(DraftSection.Training),
        Dtype = Dtype,
        Device = Device,
        Threads = Threads,
        TestRecords = TestRecords,
        MaxNewTokens = MaxNewTokens,
    };

    /// <summary>What is no number is sent as 0, which the server refuses by name.</summary>
    private static double Weight(string text) => double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && double.IsFinite(weight) ? weight : 0;

    private static List<DraftField> Preset(MethodDto method)
    {
        var preset = method.Preset;
        DraftField Of(string name, OptionKind kind, string json) =>
            new(name, DraftSection.Training, kind, json, null, null, [], preset.Reasons.GetValueOrDefault(name, ""), false);
        return
        [
            Of(LearningRate, OptionKind.Number, preset.LearningRate.ToString("R", CultureInfo.InvariantCulture)),
            Of("max_steps", OptionKind.Integer, preset.MaxSteps.ToString(CultureInfo.InvariantCulture)),
            Of("per_device_train_batch_size", OptionKind.Integer, preset.BatchSize.ToString(CultureInfo.InvariantCulture)),
        ];
    }

    private static bool IsPreset(string name) => name is LearningRate or "max_steps" or "per_device_train_batch_size";

    private static bool Same(DraftField field, string text) =>
        text.Trim() == field.DefaultText || (field.Kind is OptionKind.Integer or OptionKind.Number && field.Read(text) is { ValueKind: JsonValueKind.Number } value &&
            field.Read(field.DefaultText) is { ValueKind: JsonValueKind.Number } standard && value.GetDouble().Equals(standard.GetDouble()));

    private static string Bound(double? value) => value?.ToString("0.######", CultureInfo.InvariantCulture) ?? "∞";

    private DraftField? Field(string name) => _fields.Find(field => field.Name == name);

    private Dictionary<string, JsonElement> Values(DraftSection section)
    {
        var values = new Dictionary<string, JsonElement>();
        foreach (var (name, text) in _changed)
        {
            if (Field(name) is { } field && field.Section == section && field.Read(text) is { } value)
                values[name] = value;
        }

        return values;
    }
}
