namespace Peft.Core.Methods.AdaLora;

/// <summary>AdaLoRA's entry in the registry.</summary>
internal static class AdaLoraMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "ADALORA",
        DisplayName = "AdaLoRA",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.LowRank,
        Summary = "LoRA whose ranks move while training: layers that matter keep more, others lose theirs, within one budget. Can be merged into the base.",
        Paper = new Uri("https://arxiv.org/abs/2303.10512"),
        ConfigType = typeof(AdaLoraConfig),
        CanMerge = true,
        MovesRanks = true,
        ReadConfig = AdaLoraConfig.Read,
        Create = (model, config) => AdaLoraAdapter.Create(model, (AdaLoraConfig)config),
        Load = (model, config, folder) => AdaLoraAdapter.Load(model, (AdaLoraConfig)config, folder),
        Options =
        [
            new("init_r", PeftOptionKind.Integer, "Rank of every layer at the start; half as much again as the final one is a common choice.") { Default = 12, Minimum = 2, Maximum = 1024 },
            new("target_r", PeftOptionKind.Integer, "Mean rank of a layer at the end; must be below init_r.") { Default = 8, Minimum = 1, Maximum = 1023 },
            new("lora_alpha", PeftOptionKind.Number, "The change is scaled by alpha / init_r, whatever rank a layer keeps.") { Default = 8, Minimum = 0 },
            new("tinit", PeftOptionKind.Integer, "Steps at the start in which nothing is pruned.") { Default = 0, Minimum = 0 },
            new("tfinal", PeftOptionKind.Integer, "Steps at the end in which the ranks stay as they are.") { Default = 0, Minimum = 0 },
            new("deltaT", PeftOptionKind.Integer, "Steps between two allocations of ranks.") { Default = 1, Minimum = 1 },
            new("orth_reg_weight", PeftOptionKind.Number, "Weight of the term in the loss that keeps the directions of a layer's change apart.") { Default = 0.5, Minimum = 0 },
            new("lora_dropout", PeftOptionKind.Number, "Share of the adapter's inputs dropped while training; a little helps against overfitting on small data.") { Default = 0.0, Minimum = 0, Maximum = 0.99 },
            new("target_modules", PeftOptionKind.Modules, "Layers to adapt: names, a regular expression, or all-linear. Empty takes the architecture's default."),
            new("beta1", PeftOptionKind.Number, "How slowly the mean importance of a weight changes.") { Default = 0.85, Minimum = 0, Maximum = 0.999, Advanced = true },
            new("beta2", PeftOptionKind.Number, "How slowly the mean variation of that importance changes.") { Default = 0.85, Minimum = 0, Maximum = 0.999, Advanced = true },
            new("total_step", PeftOptionKind.Integer, "Steps that the schedule of ranks is laid out for; empty takes those of the training.") { Minimum = 1, Advanced = true },
            new("modules_to_save", PeftOptionKind.Names, "Modules trained in full and saved with the adapter, e.g. lm_head.") { Advanced = true },
            new("layers_to_transform", PeftOptionKind.Integers, "Numbers of the decoder layers to adapt; empty means all.") { Advanced = true },
            new("exclude_modules", PeftOptionKind.Modules, "Layers to leave out, chosen like the targets.") { Advanced = true },
        ],
    };
}
