namespace Peft.Core.Methods.Prefix;

/// <summary>Prefix-tuning's entry in the registry.</summary>
internal static class PrefixTuningMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "PREFIX_TUNING",
        DisplayName = "Prefix tuning",
        Family = PeftFamily.Addition,
        Nearest = ["P_TUNING", "LORA"],
        Branch = PeftBranch.Prompts,
        Summary = "Freezes the base and learns keys and values of a few virtual tokens that every layer's attention sees in front of the text.",
        Paper = new Uri("https://arxiv.org/abs/2101.00190"),
        ConfigType = typeof(PrefixTuningConfig),
        CanMerge = false,
        ReadConfig = PrefixTuningConfig.Read,
        Create = (model, config) => PrefixTuningAdapter.Create(model, (PrefixTuningConfig)config),
        Load = (model, config, folder) => PrefixTuningAdapter.Load(model, (PrefixTuningConfig)config, folder),
        Options =
        [
            new("num_virtual_tokens", PeftOptionKind.Integer, "Virtual tokens in front of every text. They take room from the context.") { Default = 20, Minimum = 1, Maximum = 1024 },
            new("prefix_projection", PeftOptionKind.Flag, "Make keys and values by a small network while training: learns faster and steadier; only its result is kept.") { Default = false },
            new("encoder_hidden_size", PeftOptionKind.Integer, "Width of that network; empty takes the width of the keys.") { Minimum = 1, Maximum = 16384 },
        ],
    };
}
