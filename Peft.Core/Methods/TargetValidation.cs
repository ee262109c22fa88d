using System.Text.RegularExpressions;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>The checks of a choice of modules against a base, the same for every method that chooses some.</summary>
internal static class TargetValidation
{
    /// <summary>Checks what can be said before matching; false when matching makes no sense.</summary>
    public static bool CheckSelectors(ModuleRules rules, ModelConfig model, PeftValidation result)
    {
        if (rules.Targets is null && ModuleTargets.Defaults(model.ModelType) is null)
        {
            result.Error("target_modules", $"there is no default for architecture '{model.ModelType}'; choose from {Known(model)}.");
            return false;
        }

        foreach (var (field, selector) in new[] { ("target_modules", rules.Targets), ("exclude_modules", rules.Exclude) })
        {
            if (selector?.Defect() is { } defect)
            {
                result.Error(field, $"'{selector.Pattern}' is no regular expression: {defect}");
                return false;
            }
        }

        if (rules.Layers is { Count: > 0 } layers)
        {
            if (rules.Targets is { Pattern: not null, IsAllLinear: false })
                result.Error("layers_to_transform", "works with a list of target modules, not with a regular expression: write the layers into the expression.");
            if (layers.Where(l => l < 0 || l >= model.NumHiddenLayers).ToList() is { Count: > 0 } outside)
                result.Error("layers_to_transform", $"layer {string.Join(", ", outside)} does not exist; this base has layers 0 to {model.NumHiddenLayers - 1}.");
        }
        else if (rules.LayersPattern is { Count: > 0 })
        {
            result.Error("layers_pattern", "needs layers_to_transform.");
        }

        return true;
    }

    /// <summary>Checks what matching found.</summary>
    public static void CheckFound(
        ModuleSelector? asked,
        ModuleSelector selector,
        int found,
        IReadOnlyList<string>? namesToSave,
        IReadOnlyList<string> saved,
        ModelConfig model,
        bool embeddings,
        PeftValidation result)
    {
        string?[] all = [.. model.Linears().Select(l => l.Path), .. embeddings ? model.Outline.Embeddings.Select(e => e.Path) : [], model.HeadPath];
        foreach (var name in selector.Names ?? [])
        {
            if (!all.Any(path => path is not null && ModuleSelector.MatchesName(path, name)))
                result.Error("target_modules", $"no module is called '{name}'; this base has {Known(model)}.");
        }

        if (result.IsValid && found == 0)
            result.Error("target_modules", $"no module matches {asked?.ToJson().ToJsonString() ?? "the default"}; this base has {Known(model)}.");
        foreach (var name in namesToSave ?? [])
        {
            if (!saved.Any(m => m.EndsWith(name, StringComparison.Ordinal)))
                result.Error("modules_to_save", $"no module is called '{name}'.");
        }
    }

    /// <summary>Checks patterns with a number each.</summary>
    public static void CheckPatterns(string field, IReadOnlyDictionary<string, double> patterns, PeftValidation result)
    {
        foreach (var pattern in patterns.Keys)
        {
            if (ModuleSelector.FromPattern(pattern).Defect() is { } defect)
                result.Error(field, $"'{pattern}' is no regular expression: {defect}");
        }
    }

    /// <summary>Matches, and says so when an expression takes too long.</summary>
    public static T? Matching<T>(Func<T> match, PeftValidation result)
        where T : class
    {
        try
        {
            return match();
        }
        catch (RegexMatchTimeoutException)
        {
            result.Error("target_modules", "the regular expression takes too long to match.");
            return null;
        }
    }

    private static string Known(ModelConfig model) =>
        string.Join(", ", model.Linears().Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct().Append(model.EmbeddingPath[(model.EmbeddingPath.LastIndexOf('.') + 1)..]).Append(model.HeadPath).Where(n => n is not null));
}
