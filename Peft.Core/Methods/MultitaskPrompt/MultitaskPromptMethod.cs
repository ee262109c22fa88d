namespace Peft.Core.Methods.MultitaskPrompt;

/// <summary>Multitask prompt tuning's entry in the registry.</summary>
internal static class MultitaskPromptMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "MULTITASK_PROMPT_TUNING",
        DisplayName = "Multitask prompt tuning",
        Family = PeftFamily.Addition,
        UsefulFrom = 1_000_000_000,
        Nearest = ["P_TUNING", "PREFIX_TUNING", "LORA"],
        Branch = PeftBranch.Prompts,
        Summary = "Prompt tuning whose vectors are a part that tasks share times a small matrix of the task's own, so that a prompt learned elsewhere can be taken over.",
        Paper = new Uri("https://arxiv.org/abs/2303.02861"),
        ConfigType = typeof(MultitaskPromptConfig),
        CanMerge = false,
        ReadConfig = MultitaskPromptConfig.Read,
        Create = (model, config) => MultitaskPromptAdapter.Create(model, (MultitaskPromptConfig)config),
        Load = (model, config, folder) => MultitaskPromptAdapter.Load(model, (MultitaskPromptConfig)config, folder),
        Options =
        [
            new("num_virtual_tokens", PeftOptionKind.Integer, "Virtual tokens in front of every text. They take room from the context.") { Default = 20, Minimum = 1, Maximum = 1024 },
            new("num_ranks", PeftOptionKind.Integer, "Rank of a task's own matrix.") { Default = 1, Minimum = 1, Maximum = 64 },
            new("prompt_tuning_init", PeftOptionKind.Choice, "Start of the prompt: at random, a text, or a learned prompt with the mean of its tasks, with one of them, or its shared part alone.") { Default = "RANDOM", Choices = MultitaskPromptConfig.Starts },
            new("prompt_tuning_init_text", PeftOptionKind.Text, "The text to start from; it is repeated or cut to the number of virtual tokens."),
            new("prompt_tuning_init_state_dict_path", PeftOptionKind.Text, "Weights file (safetensors) of the learned prompt to start from.") { Advanced = true },
            new("prompt_tuning_init_task", PeftOptionKind.Integer, "Number of that prompt's task to start from, counted from 0.") { Default = 0, Minimum = 0, Advanced = true },
        ],
    };
}
