using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Pretraining;

/// <summary>What can be wrong with an order for a base; the same for the worker and for a form.</summary>
public static class PretrainingChecks
{
    /// <summary>Values that no base can be made with.</summary>
    public static IEnumerable<PeftProblem> Of(PretrainingOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (order.NoiseDensity is not (> 0 and < 1))
            yield return new PeftProblem("noise_density", $"must lie between 0 and 1, but is {order.NoiseDensity}.");
        if (order.MeanSpanLength is not (>= 1 and <= 100))
            yield return new PeftProblem("mean_span_length", $"must lie between 1 and 100, but is {order.MeanSpanLength}.");
        if (order.TableRate is not (>= 0 and <= 10))
            yield return new PeftProblem("table_rate", $"must lie between 0 and 10, but is {order.TableRate}.");
        if (order.EvalDocuments < 0)
            yield return new PeftProblem("eval_documents", $"must be 0 or more, but is {order.EvalDocuments}.");
    }

    /// <summary>Rows that are longer than the positions reach; null when they fit.</summary>
    /// <param name="layout">The architecture.</param>
    /// <param name="config">The new base's config.</param>
    /// <param name="arguments">How it trains.</param>
    public static PeftProblem? Length(BaseLayout layout, ModelConfig config, TrainingArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(arguments);
        return layout.Objective != PretrainingObjective.SpanCorruption && arguments.MaxLength > config.MaxTokens
            ? new PeftProblem("max_length", $"{arguments.MaxLength} tokens do not fit into max_position_embeddings {config.MaxPositionEmbeddings}.")
            : null;
    }
}
