namespace Peft.Core.Methods.PTuning;

/// <summary>P-tuning's entry in the registry.</summary>
internal static class PTuningMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "P_TUNING",
        DisplayName = "P-tuning",
        Family = PeftFamily.Addition,
        Nearest = ["PREFIX_TUNING", "LORA"],
        Branch = PeftBranch.Prompts,
        Summary = "As prompt tuning, but the vectors come out of a small network while training, which ties them together and makes learning steadier.",
        Paper = new Uri("https://arxiv.org/abs/2103.10385"),
        ConfigType = typeof(PTuningConfig),
        CanMerge = false,
        ReadConfig = PTuningConfig.Read,
        Create = (model, config) => PTuningAdapter.Create(model, (PTuningConfig)config),
        Load = (model, config, folder) => PTuningAdapter.Load(model, (PTuningConfig)config, folder),
        Options =
        [
            new("num_virtual_tokens", PeftOptionKind.Integer, "Virtual tokens in front of every text. They take room from the context.") { Default = 20, Minimum = 1, Maximum = 1024 },
            new("encoder_reparameterization_type", PeftOptionKind.Choice, "The network: three linear layers (MLP), or an LSTM that reads the virtual tokens in order.") { Default = "MLP", Choices = PTuningConfig.Kinds },
            new("encoder_hidden_size", PeftOptionKind.Integer, "Width of that network; empty takes the width of the embedding.") { Minimum = 1, Maximum = 16384 },
            new("encoder_num_layers", PeftOptionKind.Integer, "Layers of the LSTM; three linear layers are always three.") { Default = 2, Minimum = 1, Maximum = 8, Advanced = true },
            new("encoder_dropout", PeftOptionKind.Number, "Share of values dropped between the LSTM's layers while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
        ],
    };
}
