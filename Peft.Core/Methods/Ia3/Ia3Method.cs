namespace Peft.Core.Methods.Ia3;

/// <summary>(IA)³'s entry in the registry.</summary>
internal static class Ia3Method
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "IA3",
        DisplayName = "(IA)³",
        Family = PeftFamily.Addition,
        Branch = PeftBranch.Factors,
        Summary = "Freezes the base and learns factors that make outputs of attention and inputs of feed-forward layers larger or smaller. Very few numbers; can be merged into the base.",
        Paper = new Uri("https://arxiv.org/abs/2205.05638"),
        ConfigType = typeof(Ia3Config),
        CanMerge = true,
        ReadConfig = Ia3Config.Read,
        Create = (model, config) => Ia3Adapter.Create(model, (Ia3Config)config),
        Load = (model, config, folder) => Ia3Adapter.Load(model, (Ia3Config)config, folder),
        Options =
        [
            new("target_modules", PeftOptionKind.Modules, "Layers to scale: names, a regular expression, or all-linear. Empty takes the architecture's default (keys, values, the last feed-forward layer)."),
            new("feedforward_modules", PeftOptionKind.Modules, "Those of them whose inputs are scaled instead of their outputs. Empty takes the architecture's default."),
            new("init_ia3_weights", PeftOptionKind.Flag, "Start every factor at one, so that the adapter starts as the base.") { Default = true, Advanced = true },
            new("modules_to_save", PeftOptionKind.Names, "Modules trained in full and saved with the adapter, e.g. lm_head.") { Advanced = true },
            new("exclude_modules", PeftOptionKind.Modules, "Layers to leave out, chosen like the targets.") { Advanced = true },
        ],
    };
}
