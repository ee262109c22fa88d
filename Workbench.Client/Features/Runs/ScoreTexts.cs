using Microsoft.Extensions.Localization;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>Names of scores and tasks as pages write them.</summary>
public sealed class ScoreTexts(IStringLocalizer<RunsText> text)
{
    /// <summary>The name of a score, e.g. accuracy; the field's own word where there is no translation.</summary>
    public string Of(string metric)
    {
        var name = text["score_" + metric];
        return name.ResourceNotFound ? metric : name;
    }

    /// <summary>A task in words, e.g. labels of texts.</summary>
    public string Task(string task)
    {
        var name = text["task_" + task];
        return name.ResourceNotFound ? task : name;
    }

    /// <summary>Score and name together, e.g. <c>F1 0.671</c>; null while there is none.</summary>
    public string? Of(RunResult? result) => result?.Score is { } score ? $"{Of(result.PrimaryMetric)} {Numbers.Score(score)}" : null;
}
