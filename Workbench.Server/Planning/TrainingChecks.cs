using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Training;
using Workbench.Client.Contracts;

namespace Workbench.Server.Planning;

/// <summary>What is wrong or doubtful about training arguments, with the codes that the form translates.</summary>
internal static class TrainingChecks
{
    private const string LearningRate = "learning_rate";

    public static (TrainingArguments Arguments, IReadOnlyList<DraftProblem> Problems) Read(JsonObject training, int? maxPositions)
    {
        var arguments = TrainingArguments.FromJson(training, out var unreadable);
        var named = unreadable.Select(problem => problem.Field).ToHashSet(StringComparer.Ordinal);
        var checks = TrainingArgumentsValidator.Validate(arguments, maxPositions);
        return (arguments,
        [
            .. unreadable.Select(problem => Error(problem, problem.Field == LearningRate ? "learning_rate_nan" : "unreadable")),
            .. checks.Problems.Where(problem => !named.Contains(problem.Field)).Select(problem => Error(problem, Code(problem, arguments))),
            .. checks.Warnings.Select(problem => new DraftProblem(
                problem.Field, "warning", problem.Field == LearningRate ? "learning_rate_high" : "doubtful", $"{problem.Field}: {problem.Message}")),
        ]);
    }

    private static string Code(PeftProblem problem, TrainingArguments arguments) => problem.Field switch
    {
        LearningRate when double.IsFinite(arguments.LearningRate) => "learning_rate_zero",
        LearningRate => "learning_rate_nan",
        _ => "out_of_range",
    };

    private static DraftProblem Error(PeftProblem problem, string code) => new(problem.Field, "error", code, $"{problem.Field} {problem.Message}");
}
