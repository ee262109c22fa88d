using System.Text.Json.Nodes;

namespace Peft.Core.Methods.Lora;

/// <summary>LoRA's entry in the registry.</summary>
internal static class LoraMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "LORA",
        DisplayName = "LoRA",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.LowRank,
        Summary = "Freezes the base and learns a low-rank change for chosen linear layers. Can be merged into the base, so that inference costs nothing extra.",
        Paper = new Uri("https://arxiv.org/abs/2106.09685"),
        ConfigType = typeof(LoraConfig),
        CanMerge = true,
        ReadConfig = LoraConfig.Read,
        Create = (model, config) => LoraAdapter.Create(model, (LoraConfig)config),
        Load = (model, config, folder) => LoraAdapter.Load(model, (LoraConfig)config, folder),
        Options =
        [
            new("r", PeftOptionKind.Integer, "Rank of the change: more can express more and costs more. 4 to 16 suits most tasks.") { Default = 8, Minimum = 1, Maximum = 1024 },
            new("lora_alpha", PeftOptionKind.Number, "The change is scaled by alpha / r; twice the rank is a common choice.") { Default = 8, Minimum = 0 },
            new("lora_dropout", PeftOptionKind.Number, "Share of the adapter's inputs dropped while training; a little helps against overfitting on small data.") { Default = 0.0, Minimum = 0, Maximum = 0.99 },
            new("target_modules", PeftOptionKind.Modules, "Layers to adapt: names, a regular expression, or all-linear. Empty takes the architecture's default (query and value)."),
            new("bias", PeftOptionKind.Choice, "Bias vectors trained as well: none, all, or only those of the adapted layers.") { Default = "none", Choices = ["none", "all", "lora_only"] },
            new("use_rslora", PeftOptionKind.Flag, "Scale by alpha / √r, which keeps large ranks effective.") { Default = false, Advanced = true },
            new("use_dora", PeftOptionKind.Flag, "DoRA: train the length of the weight's rows apart from their direction. Often better at small ranks, and slower.") { Default = false, Advanced = true },
            new("init_lora_weights", PeftOptionKind.Choice, "Start of A and B: uniform (true) or gaussian with B zero; pissa and olora take the start out of the weight, which learns faster; false starts both at random.") { Default = "true", Choices = ["true", "gaussian", "pissa", "pissa_niter_4", "olora", "false"], Advanced = true },
            new("lora_bias", PeftOptionKind.Flag, "Give B a bias of its own; can be merged only where the layer has a bias.") { Default = false, Advanced = true },
            new("trainable_token_indices", PeftOptionKind.Integers, "Tokens whose rows in the input embedding train besides, e.g. newly added ones.") { Advanced = true },
            new("modules_to_save", PeftOptionKind.Names, "Modules trained in full and saved with the adapter, e.g. lm_head.") { Advanced = true },
            new("layers_to_transform", PeftOptionKind.Integers, "Numbers of the decoder layers to adapt; empty means all.") { Advanced = true },
            new("layers_pattern", PeftOptionKind.Names, "Path element in front of the layer number, where it is not found by itself.") { Advanced = true },
            new("rank_pattern", PeftOptionKind.Map, "Other ranks for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            new("alpha_pattern", PeftOptionKind.Map, "Other alphas for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            new("exclude_modules", PeftOptionKind.Modules, "Layers to leave out, chosen like the targets.") { Advanced = true },
        ],
    };
}
