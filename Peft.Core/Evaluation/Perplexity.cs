namespace Peft.Core.Evaluation;

/// <summary>Summed loss of one text.</summary>
/// <param name="NegativeLogLikelihood">Summed over its tokens, nats.</param>
/// <param name="Tokens">Tokens that it is summed over.</param>
public readonly record struct TextLoss(double NegativeLogLikelihood, int Tokens);

/// <summary>Perplexity: out of how many equally likely tokens a model seems to choose. Every token of the corpus weighs the same.</summary>
public static class Perplexity
{
    /// <summary>Mean loss per token of a corpus, nats; null without a token.</summary>
    public static double? MeanLoss(IReadOnlyCollection<TextLoss> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var tokens = texts.Sum(text => (long)text.Tokens);
        return tokens > 0 ? texts.Sum(text => text.NegativeLogLikelihood) / tokens : null;
    }

    /// <summary>The perplexity of a corpus; null without a token.</summary>
    public static double? Of(IReadOnlyCollection<TextLoss> texts) => MeanLoss(texts) is { } mean ? Math.Exp(mean) : null;

    /// <summary>The mean of the texts' own perplexities, in which short texts weigh as much as long ones; null without a text that has tokens.</summary>
    public static double? MeanOfTexts(IReadOnlyCollection<TextLoss> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var own = texts.Where(text => text.Tokens > 0).Select(text => Math.Exp(text.NegativeLogLikelihood / text.Tokens)).ToArray();
        return own.Length > 0 ? own.Average() : null;
    }
}
