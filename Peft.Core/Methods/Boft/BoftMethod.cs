namespace Peft.Core.Methods.Boft;

/// <summary>BOFT's entry in the registry.</summary>
internal static class BoftMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "BOFT",
        DisplayName = "BOFT",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.Rotations,
        Summary = "Turns the inputs of chosen layers by learned rotations and scales their outputs: as OFT with smaller blocks and a factor per neuron.",
        Paper = new Uri("https://arxiv.org/abs/2311.06243"),
        ConfigType = typeof(BoftConfig),
        CanMerge = true,
        ReadConfig = BoftConfig.Read,
        Create = (model, config) => BoftAdapter.Create(model, (BoftConfig)config),
        Load = (model, config, folder) => BoftAdapter.Load(model, (BoftConfig)config, folder),
        Options =
        [
            new("boft_block_size", PeftOptionKind.Integer, "Inputs that are turned together; must divide the width. 0 when boft_block_num is given.") { Default = 4, Minimum = 0, Maximum = 4096 },
            new("boft_block_num", PeftOptionKind.Integer, "Number of blocks instead of their size; 0 when the size is given.") { Default = 0, Minimum = 0, Advanced = true },
            .. TunerConfig.ModuleOptions,
            new("boft_dropout", PeftOptionKind.Number, "Share of the blocks that do not turn in a training step.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
            TunerConfig.ExcludeOption,
        ],
    };
}
