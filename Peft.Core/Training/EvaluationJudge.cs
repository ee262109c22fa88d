namespace Peft.Core.Training;

/// <summary>What an evaluation means for the course of a run.</summary>
/// <param name="Progress">The run's totals with the evaluation in them.</param>
/// <param name="IsBest">Whether it is the best so far.</param>
/// <param name="Ends">Whether training ends here.</param>
public sealed record Judgement(TrainerProgress Progress, bool IsBest, bool Ends);

/// <summary>Compares evaluations by the metric of the run: which is the best, and when there has been no progress for too long.</summary>
/// <param name="arguments">Checked arguments.</param>
public sealed class EvaluationJudge(TrainingArguments arguments)
{
    private const string Prefix = "eval_";
    private static readonly string[] s_errors = ["loss", "mse", "mae", "rmse", "perplexity", "ter"];

    /// <summary>Name of the metric without Hugging Face's <c>eval_</c> in front.</summary>
    public string Metric { get; } = arguments.MetricForBestModel.StartsWith(Prefix, StringComparison.Ordinal)
        ? arguments.MetricForBestModel[Prefix.Length..]
        : arguments.MetricForBestModel;

    /// <summary>Whether the dev loss is the metric.</summary>
    public bool IsLoss => Metric == "loss";

    /// <summary>Whether more is better.</summary>
    public bool Larger => arguments.GreaterIsBetter ?? !Array.Exists(s_errors, error => Metric == error || Metric.EndsWith("_" + error, StringComparison.Ordinal));

    /// <summary>The value of the metric in an evaluation; not a number where it is undefined.</summary>
    /// <exception cref="PeftException">The evaluation has no such metric.</exception>
    public double Value(double loss, IReadOnlyDictionary<string, double?>? metrics)
    {
        if (IsLoss)
            return loss;
        return metrics is not null && metrics.TryGetValue(Metric, out var value)
            ? value ?? double.NaN
            : throw new PeftException(metrics is null or { Count: 0 }
                ? $"metric_for_best_model: '{Metric}' is not measured while training. Set predict_with_generate, or take loss."
                : $"metric_for_best_model: this task has no '{Metric}'; it has loss, {string.Join(", ", metrics.Keys)}.");
    }

    /// <summary>Takes an evaluation.</summary>
    /// <param name="progress">Totals before it.</param>
    /// <param name="value">Value of the metric.</param>
    /// <param name="loss">The dev loss.</param>
    public Judgement Judge(TrainerProgress progress, double value, double loss)
    {
        ArgumentNullException.ThrowIfNull(progress);
        var best = progress.Best;
        var isBest = double.IsFinite(value) && (best is null || (Larger ? value > best.Value : value < best.Value));
        var counts = isBest && (best is null || Math.Abs(value - best.Value) > arguments.EarlyStoppingThreshold);
        var waited = counts ? 0 : progress.EvaluationsWithoutProgress + 1;
        return new Judgement(
            progress with
            {
                Best = isBest ? new BestEvaluation(progress.Step, value, loss, arguments.LoadBestModelAtEnd) : best,
                EvaluationsWithoutProgress = waited,
            },
            isBest,
            arguments.EarlyStoppingPatience > 0 && waited >= arguments.EarlyStoppingPatience);
    }
}
