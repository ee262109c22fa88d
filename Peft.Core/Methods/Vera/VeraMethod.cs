namespace Peft.Core.Methods.Vera;

/// <summary>VeRA's entry in the registry.</summary>
internal static class VeraMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "VERA",
        DisplayName = "VeRA",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.LowRank,
        Summary = "All layers share two frozen random matrices; each layer learns only two scaling vectors. Far fewer parameters than LoRA, a higher learning rate.",
        Paper = new Uri("https://arxiv.org/abs/2310.11454"),
        ConfigType = typeof(VeraConfig),
        CanMerge = true,
        ReadConfig = VeraConfig.Read,
        Create = (model, config) => VeraAdapter.Create(model, (VeraConfig)config),
        Load = (model, config, folder) => VeraAdapter.Load(model, (VeraConfig)config, folder),
        Options =
        [
            new("r", PeftOptionKind.Integer, "Rank of the shared random matrices; much larger than LoRA's, since it costs almost nothing to train.") { Default = 256, Minimum = 1, Maximum = 8192 },
            new("vera_dropout", PeftOptionKind.Number, "Share of the adapter's inputs dropped while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99 },
            .. TunerConfig.ModuleOptions,
            new("d_initial", PeftOptionKind.Number, "Start of the first scaling vector; smaller values than 1 work better.") { Default = 0.1, Advanced = true },
            new("projection_prng_key", PeftOptionKind.Integer, "Seed of the shared random matrices.") { Default = 0, Minimum = 0, Advanced = true },
            new("save_projection", PeftOptionKind.Flag, "Save the shared matrices with the adapter; without them the file is tiny, but the seed has to give the same matrices again.") { Default = true, Advanced = true },
        ],
    };
}
