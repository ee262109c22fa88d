namespace Peft.Core.Methods.LnTuning;

/// <summary>LN tuning's entry in the registry. Its copies compute in the norms' own places, so that merging has nothing left to do.</summary>
internal static class LnTuningMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "LN_TUNING",
        DisplayName = "LN tuning",
        Family = PeftFamily.Specification,
        Nearest = ["BITFIT", "IA3"],
        Summary = "Freezes every weight of the base but its norms. Every base has some; very few parameters, and nothing extra at inference.",
        Paper = new Uri("https://arxiv.org/abs/2312.11420"),
        ConfigType = typeof(LnTuningConfig),
        CanMerge = true,
        ReadConfig = LnTuningConfig.Read,
        Create = (model, config) => LnTuningAdapter.Create(model, (LnTuningConfig)config),
        Load = (model, config, folder) => LnTuningAdapter.Load(model, (LnTuningConfig)config, folder),
        Options =
        [
            new("target_modules", PeftOptionKind.Modules, "Norms to train: names or a regular expression. Empty takes the architecture's default."),
            new("modules_to_save", PeftOptionKind.Names, "Modules trained in full and saved with the adapter, e.g. lm_head.") { Advanced = true },
            new("exclude_modules", PeftOptionKind.Modules, "Layers to leave out, chosen like the targets.") { Advanced = true },
        ],
    };
}
