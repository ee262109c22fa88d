using System.Globalization;
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
        if (TargetValidation.CheckSelectors(Rules(config), model, result) && result.IsValid)
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
        TargetValidation.CheckPatterns("rank_pattern", config.RankPattern, result);
        TargetValidation.CheckPatterns("alpha_pattern", config.AlphaPattern, result);
    }

    private static void CheckTargets(LoraConfig config, ModelConfig model, PeftValidation result)
    {
        if (TargetValidation.Matching(() => LoraTargets.Resolve(config, model), result) is not { } targets)
            return;
        TargetValidation.CheckFound(
            config.TargetModules, targets.Selector, targets.Targets.Count, [.. (config.ModulesToSave ?? []).Except(TaskHead.Names(config.TaskType))], targets.SavedModules, model, embeddings: true, result);
        CheckVariants(config, model, targets, result);
        var tooLarge = targets.Targets.Where(t => t.Rank > Math.Min(t.InFeatures, t.OutFeatures)).ToList();
        if (tooLarge.Count > 0)
        {
            var first = tooLarge[0];
            result.Warn(
                "r",
                $"rank {first.Rank} is larger than {first.Path} ({first.OutFeatures} x {first.InFeatures}){(tooLarge.Count > 1 ? $" and {tooLarge.Count - 1} more" : "")}: it trains more numbers than the layer has, without being able to do more.");
        }
    }

    /// <summary>What the variants do not go together with.</summary>
    private static void CheckVariants(LoraConfig config, ModelConfig model, LoraTargets targets, PeftValidation result)
    {
        var fromWeight = config.InitLoraWeights is LoraInit.Pissa or LoraInit.Olora;
        if (targets.Targets.FirstOrDefault(t => t.IsEmbedding) is { } table)
        {
            foreach (var (field, used) in new[] { ("use_dora", config.UseDora), ("lora_bias", config.LoraBias), ("init_lora_weights", fromWeight), ("trainable_token_indices", config.TrainableTokenIndices is not null) })
            {
                if (used)
                    result.Error(field, $"does not work with an adapted embedding; leave {table.Path} out of target_modules.");
            }
        }

        if (config.LoraBias && (config.UseDora || config.Bias != "none" || fromWeight))
            result.Error("lora_bias", "goes with bias none, without use_dora, and with a start of true, gaussian or false.");
        if (fromWeight && targets.Targets.FirstOrDefault(t => t.Rank > Math.Min(t.InFeatures, t.OutFeatures)) is { } small)
            result.Error("r", $"rank {small.Rank} is more than {small.Path} ({small.OutFeatures} x {small.InFeatures}) has directions to start from.");
        if (fromWeight && targets.Targets.Any(t => t.Path == model.HeadPath) && model.HeadIsTied)
            result.Error("init_lora_weights", $"{model.HeadPath} shares its weight with the embedding, so nothing can be taken out of it; leave it out of target_modules.");
        if (config.TrainableTokenIndices is { } tokens && tokens.Any(t => t < 0 || t >= model.VocabSize))
            result.Error("trainable_token_indices", $"token {tokens.First(t => t < 0 || t >= model.VocabSize)} does not exist; this base has tokens 0 to {model.VocabSize - 1}.");
        if (config.TrainableTokenIndices is not null && targets.SavedModules.Contains(model.EmbeddingPath))
            result.Error("trainable_token_indices", $"{model.EmbeddingPath} trains in full already (modules_to_save).");
        if (config.TrainableTokenIndices is not null && model.HeadIsTied && targets.Targets.Any(t => t.Path == model.HeadPath))
            result.Error("trainable_token_indices", $"{model.HeadPath} shares the table and is adapted already; leave it out of target_modules.");
    }

    private static ModuleRules Rules(LoraConfig config) => new(config.TargetModules, config.ExcludeModules, config.LayersToTransform, config.LayersPattern);

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
