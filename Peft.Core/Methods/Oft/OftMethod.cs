namespace Peft.Core.Methods.Oft;

/// <summary>OFT's entry in the registry.</summary>
internal static class OftMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "OFT",
        DisplayName = "OFT",
        Family = PeftFamily.Reparameterization,
        Summary = "Turns the inputs of chosen layers by learned rotations, block by block, and keeps the weights: what the base knows is disturbed little.",
        Paper = new Uri("https://arxiv.org/abs/2306.07280"),
        ConfigType = typeof(OftConfig),
        CanMerge = true,
        ReadConfig = OftConfig.Read,
        Create = (model, config) => OftAdapter.Create(model, (OftConfig)config),
        Load = (model, config, folder) => OftAdapter.Load(model, (OftConfig)config, folder),
        Options =
        [
            new("oft_block_size", PeftOptionKind.Integer, "Inputs that are turned together: larger blocks can express more and cost more. 0 when r is given.") { Default = 32, Minimum = 0, Maximum = 4096 },
            new("r", PeftOptionKind.Integer, "Number of blocks instead of their size; 0 when the size is given.") { Default = 0, Minimum = 0, Advanced = true },
            .. TunerConfig.ModuleOptions,
            new("block_share", PeftOptionKind.Flag, "Turn all blocks of a layer alike, with fewer parameters.") { Default = false, Advanced = true },
            new("use_cayley_neumann", PeftOptionKind.Flag, "Compute rotations by a short series: faster, and exact enough for small turns.") { Default = true, Advanced = true },
            new("num_cayley_neumann_terms", PeftOptionKind.Integer, "Terms of the series.") { Default = 5, Minimum = 2, Maximum = 20, Advanced = true },
            TunerConfig.ExcludeOption,
        ],
    };
}
