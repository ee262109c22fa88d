using System.Globalization;
using System.Text.Json;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Pretraining;

/// <summary>Where the text to learn from lies.</summary>
public enum CorpusSource
{
    Dataset,
    Upload,
    Path,
}

/// <summary>
/// What the form holds while a base is being planned. Sizes and training arguments are texts under their names in <c>config.json</c> and in
/// Hugging Face's arguments; only those that differ from the defaults go into the draft.
/// </summary>
public sealed class PretrainForm
{
    /// <summary>Training arguments that stand in the form; the others keep their defaults.</summary>
    private static readonly string[] s_shown =
        ["learning_rate", "max_steps", "per_device_train_batch_size", "max_length", "warmup_ratio", "weight_decay", "eval_steps", "save_steps", "seed"];

    private readonly Dictionary<string, string> _changed = [];
    private string? _name;
    private PretrainChoices _choices = new([], new Dictionary<string, JsonElement>());

    /// <summary>What was typed; a name after the layout until then, so that the form is complete when it opens.</summary>
    public string Name
    {
        get => _name ?? "my-" + Layout;
        set => _name = value;
    }

    public string Layout { get; private set; } = "roberta";

    public string? TokenizerModelId { get; set; }

    public CorpusSource Source { get; set; }

    public string? DatasetId { get; set; }

    public CorpusFile? Uploaded { get; set; }

    public string Path { get; set; } = "";

    public string TextField { get; set; } = "text";

    public bool Pack { get; set; }

    public bool TakeEmbeddings { get; set; } = true;

    public bool StructuredStart { get; set; } = true;

    public int Threads { get; set; }

    /// <summary>Fields of the order itself that are numbers, with their defaults.</summary>
    private static Dictionary<string, double> OrderFields { get; } = new() { ["noise_density"] = 0.15, ["mean_span_length"] = 3, ["eval_documents"] = 500 };

    public PretrainLayout? Chosen => _choices.Layouts.FirstOrDefault(layout => layout.ModelType == Layout);

    public IEnumerable<string> Sizes => Chosen?.Sizes.Keys ?? [];

    public IEnumerable<string> Training => s_shown.Where(_choices.Training.ContainsKey);

    /// <summary>Fields of the objective: what is hidden, and how much text only measures.</summary>
    public IEnumerable<string> Objective => Chosen?.Objective switch
    {
        "masked_lm" => ["noise_density", "eval_documents"],
        "span_corruption" => ["noise_density", "mean_span_length", "eval_documents"],
        _ => ["eval_documents"],
    };

    public bool HidesTokens => Chosen?.Objective is "masked_lm" or "span_corruption";

    public void Open(PretrainChoices choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        _choices = choices;
    }

    /// <summary>Another layout has other sizes; what was typed for the old one does not carry over.</summary>
    public void Choose(string layout)
    {
        Layout = layout;
        foreach (var name in _changed.Keys.Where(name => !Sizes.Contains(name) && !_choices.Training.ContainsKey(name) && !OrderFields.ContainsKey(name)).ToArray())
            _changed.Remove(name);
    }

    /// <summary>Fills in what an earlier run was ordered with.</summary>
    public void Take(PretrainDraft draft)
    {
        ArgumentNullException.ThrowIfNull(draft);
        Choose(draft.Layout);
        Name = draft.Name + "-2"; // the first one's base stands under its name
        TokenizerModelId = draft.TokenizerModelId;
        (DatasetId, Path, Source) = (draft.DatasetId, draft.CorpusPath ?? "", draft.DatasetId is null ? CorpusSource.Path : CorpusSource.Dataset);
        (TextField, Pack, TakeEmbeddings, StructuredStart, Threads) = (draft.TextField, draft.Pack, draft.TakeEmbeddings, draft.StructuredStart, draft.Threads);
        foreach (var (name, value) in draft.Config.Concat(draft.Training))
            Set(name, DraftField.Write(value));
        Set("noise_density", Write(draft.NoiseDensity));
        Set("mean_span_length", Write(draft.MeanSpanLength));
        Set("eval_documents", Write(draft.EvalDocuments));
    }

    public string Default(string name) =>
        OrderFields.TryGetValue(name, out var number) ? Write(number)
        : Chosen?.Sizes.TryGetValue(name, out var size) == true ? DraftField.Write(size)
        : _choices.Training.TryGetValue(name, out var value) ? DraftField.Write(value) : "";

    public string Text(string name) => _changed.GetValueOrDefault(name) ?? Default(name);

    public bool IsChanged(string name) => _changed.ContainsKey(name);

    public void Set(string name, string text)
    {
        if (text.Trim() == Default(name))
            _changed.Remove(name);
        else
            _changed[name] = text;
    }

    public void Reset(string name) => _changed.Remove(name);

    /// <summary>Names whose text is no number.</summary>
    public IEnumerable<string> Unreadable => _changed.Where(pair => Number(pair.Value) is null).Select(pair => pair.Key);

    /// <summary>The order as it would be sent; texts that cannot be read are left out, their problem stands beside the field.</summary>
    public PretrainDraft Build() => new()
    {
        Name = Name.Trim(),
        Layout = Layout,
        Config = Values(Sizes),
        TokenizerModelId = TokenizerModelId ?? "",
        DatasetId = Source == CorpusSource.Dataset ? DatasetId : null,
        CorpusPath = Source switch { CorpusSource.Path => Path.Trim(), CorpusSource.Upload => Uploaded?.Path, _ => null },
        TextField = TextField.Trim(),
        NoiseDensity = Order("noise_density"),
        MeanSpanLength = Order("mean_span_length"),
        EvalDocuments = (int)Order("eval_documents"),
        Pack = Pack,
        TakeEmbeddings = TakeEmbeddings,
        StructuredStart = StructuredStart && HidesTokens,
        Training = Values(_choices.Training.Keys),
        Threads = Threads,
    };

    private static string Write(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);

    private static double? Number(string text) =>
        double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    private double Order(string name) => _changed.TryGetValue(name, out var text) && Number(text) is { } number ? number : OrderFields[name];

    private Dictionary<string, JsonElement> Values(IEnumerable<string> names)
    {
        var values = new Dictionary<string, JsonElement>();
        foreach (var name in names)
        {
            if (_changed.TryGetValue(name, out var text) && Number(text) is { } number)
                values[name] = number == Math.Floor(number) && Math.Abs(number) < int.MaxValue ? JsonSerializer.SerializeToElement((int)number) : JsonSerializer.SerializeToElement(number);
        }

        return values;
    }
}
