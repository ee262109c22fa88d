using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;

namespace Workbench.Server.Planning;

/// <summary>Combinations that can start but make little sense; each says why and what to do.</summary>
internal static class RunHints
{
    /// <summary>Rates this much below or above the one that suits a method are worth a word.</summary>
    private const double FarBelow = 50;
    private const double FarAbove = 20;

    public static IEnumerable<DraftProblem> Of(string peftType, JsonObject peft, TrainingArguments arguments, ModelConfig? model, int steps)
    {
        var method = PeftMethodRegistry.Find(peftType);
        var usual = TrainingDefaults.Arguments(peftType, peft, arguments.MaxSteps, int.MaxValue).LearningRate;
        var rate = arguments.LearningRate;
        if (double.IsFinite(rate) && rate > 0 && rate < usual / FarBelow)
            yield return Warning("learning_rate", "rate_far_below", $"learning_rate {Number(rate)} is far below the {Number(usual)} that suits {method.DisplayName}: it may learn next to nothing in these steps.");
        else if (double.IsFinite(rate) && rate > usual * FarAbove)
            yield return Warning("learning_rate", "rate_far_above", $"learning_rate {Number(rate)} is far above the {Number(usual)} that suits {method.DisplayName}: training may diverge.");
        foreach (var scale in new[] { "lora_alpha", "alpha" })
        {
            if (Value(peft, scale) is 0)
                yield return Warning(scale, "alpha_zero", $"{scale} is 0: the change is multiplied by 0, so nothing is learned.");
        }

        if (method.MovesRanks && steps > 0 && Value(peft, "tinit") is { } warm && Value(peft, "tfinal") is { } still && warm + still >= steps)
            yield return Warning("tfinal", "nothing_pruned", $"tinit and tfinal leave none of the {steps} steps for pruning: the ranks stay as they start. Lower them, or take more steps.");
        if (model is not null && model.ParameterCount() < method.UsefulFrom)
            yield return Warning("peft_type", "small_base", $"{method.DisplayName} needs a large base to keep up with other methods; this one has {model.ParameterCount() / 1e6:0} million parameters. Expect a lower score.") with { Instead = MethodSuggestions.For(peftType, model, model.Task.Name()) };
    }

    private static double? Value(JsonObject peft, string name) => peft[name] is JsonValue value && value.TryGetValue<double>(out var number) ? number : peft[name] is JsonValue whole && whole.TryGetValue<int>(out var count) ? count : null;

    private static string Number(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    private static DraftProblem Warning(string field, string code, FormattableString message) => new(field, "warning", code, message.ToString(CultureInfo.InvariantCulture));
}
