namespace Workbench.Client.Contracts;

/// <summary>Names of scores in the order in which an evaluation is judged by them; <c>mse</c> and <c>perplexity</c> are better when they are lower, all others when they are higher.</summary>
public static class ScoreNames
{
    public const string Error = "mse";

    public const string Perplexity = "perplexity";

    public static string[] InOrder { get; } = ["f1", "accuracy", "micro_f1", "exact_match", Error, Perplexity];

    /// <summary>The name that counts among those of an evaluation; null when there is none.</summary>
    public static string? Primary(IEnumerable<string> names)
    {
        var known = names.ToHashSet(StringComparer.Ordinal);
        return Array.Find(InOrder, known.Contains);
    }
}
