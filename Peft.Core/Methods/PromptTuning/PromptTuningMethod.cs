namespace Peft.Core.Methods.PromptTuning;

/// <summary>Prompt tuning's entry in the registry.</summary>
internal static class PromptTuningMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "PROMPT_TUNING",
        DisplayName = "Prompt tuning",
        Family = PeftFamily.Addition,
        UsefulFrom = 1_000_000_000,
        Nearest = ["P_TUNING", "PREFIX_TUNING", "LORA"],
        Branch = PeftBranch.Prompts,
        Summary = "Freezes the base and learns a few vectors in front of the text at the input embedding. The smallest adapter of all; works best with large bases.",
        Paper = new Uri("https://arxiv.org/abs/2104.08691"),
        ConfigType = typeof(PromptTuningConfig),
        CanMerge = false,
        ReadConfig = PromptTuningConfig.Read,
        Create = (model, config) => PromptTuningAdapter.Create(model, (PromptTuningConfig)config),
        Load = (model, config, folder) => PromptTuningAdapter.Load(model, (PromptTuningConfig)config, folder),
        Options =
        [
            new("num_virtual_tokens", PeftOptionKind.Integer, "Virtual tokens in front of every text. They take room from the context.") { Default = 20, Minimum = 1, Maximum = 1024 },
            new("prompt_tuning_init", PeftOptionKind.Choice, "Start of the vectors: at random, as the embeddings of random tokens, or of a text that says what the task is.") { Default = "RANDOM", Choices = PromptTuningConfig.Starts },
            new("prompt_tuning_init_text", PeftOptionKind.Text, "The text to start from; it is repeated or cut to the number of virtual tokens."),
        ],
    };
}
