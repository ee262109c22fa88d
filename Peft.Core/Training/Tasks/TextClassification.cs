using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Runs;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>A text with what is to be said of it: the number of its label, a 0 or 1 per label, or a number.</summary>
internal sealed record ClassifiedText(EncodedText Text, double[] Targets) : EncodedText(Text.Ids, Text.Segments, Text.CutTokens);

/// <summary>SEQ_CLS: a label, labels or a number per text. Decoders look at the last token.</summary>
public sealed class TextClassification : TrainingTask
{
    private readonly TaskLabels labels;
    private readonly TextEncoder encoder;
    private readonly Dictionary<string, int> numbers;

    /// <summary>The task for a base and labels.</summary>
    public TextClassification(TaskSetting setting)
        : base(setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        labels = setting.Labels ?? throw new PeftException("The labels of this classification are not known: there is neither training data nor labels.json beside the adapter.");
        encoder = new TextEncoder(setting);
        numbers = labels.Names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i, StringComparer.Ordinal);
        if (!IsRegression && labels.Names.Count < 2)
            throw new PeftException($"A classification needs at least two labels, but the data has {labels.Names.Count}.");
    }

    private bool IsRegression => labels.ProblemType == "regression";

    private bool IsMany => labels.ProblemType == "multi_label_classification";

    /// <inheritdoc />
    public override IReadOnlyList<IDataRecord> Read(DatasetSnapshot snapshot, string split)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return snapshot.Read<ClassificationRecord>(split);
    }

    /// <inheritdoc />
    public override TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split) =>
        LabelledSplit<ClassifiedText>.Encode<ClassificationRecord>(
            records, Setting.Arguments.CutPolicy, (record, name) => new ClassifiedText(Ids(record.Text, record.TextPair), Targets(record, name)), split, Batch);

    /// <inheritdoc />
    public override TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(setting);
        var wanted = records.Cast<ClassificationRecord>().ToArray();
        var answers = new ClassLabel[wanted.Length];
        TaskPass.Scores(
            model, [.. wanted.Select(r => Ids(r.Text, r.TextPair))], setting.BatchSize, (i, scores) => answers[i] = Answer(Probabilities(scores)), between);
        var predictions = wanted.Select((record, i) => new RunPrediction
        {
            Index = i,
            Instruction = "",
            Input = record.TextPair is null ? record.Text : record.Text + "\n" + record.TextPair,
            Reference = record.Label.ToString(),
            Output = answers[i].ToString(),
            Exact = IsRegression ? null : record.Label.Names.ToHashSet(StringComparer.Ordinal).SetEquals(answers[i].Names),
        }).ToArray();
        return new TaskResult(predictions, Report([.. wanted.Select(r => r.Label)], answers));
    }

    /// <summary>Probability of every label for one text (for a number: the number), most probable first.</summary>
    public IReadOnlyList<(string Label, double Probability)> Classify(BaseModel model, string text, string? second = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        double[] values = [];
        TaskPass.Scores(model, [Ids(text, second)], 1, (_, scores) => values = Probabilities(scores), null);
        return [.. labels.Names.Zip(values).OrderByDescending(pair => pair.Second)];
    }

    private EncodedText Ids(string text, string? second) => second is null ? encoder.Encode(text) : encoder.Encode(text, second);

    private double[] Targets(ClassificationRecord record, string name)
    {
        if (record.Label.ProblemType != labels.ProblemType)
            throw new PeftException($"{name}: its label is of kind {record.Label.ProblemType}, the others are {labels.ProblemType}.");
        if (record.Label.Number is { } number)
            return [number];
        if (record.Label.Names.FirstOrDefault(label => !numbers.ContainsKey(label)) is { } unknown)
            throw new PeftException($"{name}: label '{unknown}' is not among {string.Join(", ", labels.Names)}.");
        return IsMany ? [.. labels.Names.Select(label => record.Label.Names.Contains(label) ? 1.0 : 0.0)] : [numbers[record.Label.Names[0]]];
    }

    private LabelledBatch Batch(BaseModel model, IReadOnlyList<ClassifiedText> examples)
    {
        var values = examples.SelectMany(e => e.Targets).ToArray();
        var targets = IsMany ? tensor(values.Select(v => (float)v).ToArray(), examples.Count, labels.Names.Count)
            : IsRegression ? tensor(values.Select(v => (float)v).ToArray())
            : tensor(values.Select(v => (long)v).ToArray());
        targets = targets.to(model.Device);
        return new LabelledBatch(
            model, PaddedText.Of(model, examples), [targets], examples.Count, examples.Sum(e => e.Ids.Length), (scores, smoothing) => TaskLoss.Sequence(scores, targets, model.Config, smoothing));
    }

    private double[] Probabilities(Tensor scores)
    {
        using var shares = IsRegression ? scores.alias() : IsMany ? scores.sigmoid() : scores.softmax(0);
        return [.. shares.data<float>().ToArray().Select(v => (double)v)];
    }

    private ClassLabel Answer(double[] values) => IsRegression ? ClassLabel.Of(values[0])
        : IsMany ? ClassLabel.Of(labels.Names.Where((_, i) => values[i] > 0.5))
        : ClassLabel.Of(labels.Names[Array.IndexOf(values, values.Max())]);

    private TaskReport Report(ClassLabel[] wanted, ClassLabel[] answers)
    {
        if (IsRegression)
        {
            var (left, right) = (wanted.Select(w => w.Number!.Value).ToArray(), answers.Select(a => a.Number!.Value).ToArray());
            return new TaskReport(
                new Dictionary<string, double?> { ["mse"] = LabelScorer.MeanSquaredError(left, right), ["pearson"] = LabelScorer.Pearson(left, right) }, "mse");
        }

        var report = LabelScorer.Score([.. wanted.Select(w => w.Names)], [.. answers.Select(a => a.Names)]);
        var metrics = new Dictionary<string, double?> { ["accuracy"] = report.Accuracy, ["macro_f1"] = report.MacroF1 };
        if (IsMany)
            metrics["micro_f1"] = report.MicroF1;
        return new TaskReport(metrics, IsMany ? "micro_f1" : "accuracy");
    }
}
