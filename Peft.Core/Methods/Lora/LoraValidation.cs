using System.Globalization;
using System.Text.RegularExpressions;
using Peft.Core.Models;

namespace Peft.Core.Methods.Lora;

/// <summary>The checks of a LoRA config against a base.</summary>
internal static class LoraValidation
{
    public static PeftValidation Run(LoraConfig config, ModelConfig model)
    {
        var result = new PeftValidation();
        foreach (var feature in config.Unsupported)
            result.Error(feature, $"the adapter uses '{feature}', which this version does not compute.");
        CheckNumbers(config, result);
        if (CheckSelectors(config, model, result) && result.IsValid)
            CheckTargets(config, model, result);
        return result;
    }

    private static void CheckNumbers(LoraConfig config, PeftValidation result)
    {
        if (config.R <= 0)
            result.Error("r", $"the rank must be a positive whole number, but is {config.R}.");
        foreach (var (pattern, rank) in config.RankPattern)
        {
            if (rank < 1 || rank != Math.Truncate(rank))
                result.Error("rank_pattern", $"the rank of '{pattern}' must be a positive whole number, but is {Text(rank)}.");
        }

        if (!double.IsFinite(config.LoraAlpha) || config.LoraAlpha == 0)
            result.Error("lora_alpha", $"alpha must be a number other than 0, but is {Text(config.LoraAlpha)}.");
        if (!(config.LoraDropout >= 0 && config.LoraDropout < 1))
            result.Error("lora_dropout", $"dropout must be at least 0 and below 1, but is {Text(config.LoraDropout)}.");
        if (config.Bias is not ("none" or "all" or "lora_only"))
            result.Error("bias", $"must be none, all or lora_only, but is '{config.Bias}'.");
        foreach (var pattern in config.RankPattern.Keys.Concat(config.AlphaPattern.Keys))
        {
            if (ModuleSelector.FromPattern(pattern).Defect() is { } defect)
                result.Error(config.RankPattern.ContainsKey(pattern) ? "rank_pattern" : "alpha_pattern", $"'{pattern}' is no regular expression: {defect}");
        }
    }

    private static bool CheckSelectors(LoraConfig config, ModelConfig model, PeftValidation result)
    {
        if (config.TargetModules is null && LoraTargets.Defaults(model.ModelType) is null)
        {
            result.Error("target_modules", $"there is no default for architecture '{model.ModelType}'; choose from {Known(model)}.");
            return false;
        }

        foreach (var (field, selector) in new[] { ("target_modules", config.TargetModules), ("exclude_modules", config.ExcludeModules) })
        {
            if (selector?.Defect() is { } defect)
            {
                result.Error(field, $"'{selector.Pattern}' is no regular expression: {defect}");
                return false;
            }
        }

        if (config.LayersToTransform is { Count: > 0 } layers)
        {
            if (config.TargetModules is { Pattern: not null, IsAllLinear: false })
                result.Error("layers_to_transform", "works with a list of target modules, not with a regular expression: write the layers into the expression.");
            if (layers.Where(l => l < 0 || l >= model.NumHiddenLayers).ToList() is { Count: > 0 } outside)
                result.Error("layers_to_transform", $"layer {string.Join(", ", outside)} does not exist; this base has layers 0 to {model.NumHiddenLayers - 1}.");
        }
        else if (config.LayersPattern is { Count: > 0 })
        {
            result.Error("layers_pattern", "needs layers_to_transform.");
        }

        return true;
    }

    private static void CheckTargets(LoraConfig config, ModelConfig model, PeftValidation result)
    {
        LoraTargets targets;
        try
        {
            targets = LoraTargets.Resolve(config, model);
        }
        catch (RegexMatchTimeoutException)
        {
            result.Error("target_modules", "the regular expression takes too long to match.");
            return;
        }

        string?[] all = [.. model.Linears().Select(l => l.Path), .. model.Outline.Embeddings.Select(e => e.Path), model.HeadPath];
        foreach (var name in targets.Selector.Names ?? [])
        {
            if (!all.Any(path => path is not null && ModuleSelector.MatchesName(path, name)))
                result.Error("target_modules", $"no module is called '{name}'; this base has {Known(model)}.");
        }

        if (result.IsValid && targets.Targets.Count == 0)
            result.Error("target_modules", $"no module matches {config.TargetModules?.ToJson().ToJsonString() ?? "the default"}; this base has {Known(model)}.");
        foreach (var name in (config.ModulesToSave ?? []).Except(TaskHead.Names(config.TaskType)))
        {
            if (!targets.SavedModules.Any(m => m.EndsWith(name, StringComparison.Ordinal)))
                result.Error("modules_to_save", $"no module is called '{name}'.");
        }

        var tooLarge = targets.Targets.Where(t => t.Rank > Math.Min(t.InFeatures, t.OutFeatures)).ToList();
        if (tooLarge.Count > 0)
        {
            var first = tooLarge[0];
            result.Warn(
                "r",
                $"rank {first.Rank} is larger than {first.Path} ({first.OutFeatures} x {first.InFeatures}){(tooLarge.Count > 1 ? $" and {tooLarge.Count - 1} more" : "")}: it trains more numbers than the layer has, without being able to do more.");
        }
    }

    private static string Known(ModelConfig model) =>
        string.Join(", ", model.Linears().Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct().Append(model.EmbeddingPath[(model.EmbeddingPath.LastIndexOf('.') + 1)..]).Append(model.HeadPath).Where(n => n is not null));

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
