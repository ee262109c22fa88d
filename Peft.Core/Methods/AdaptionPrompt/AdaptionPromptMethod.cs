namespace Peft.Core.Methods.AdaptionPrompt;

/// <summary>The adaption prompt's entry in the registry.</summary>
internal static class AdaptionPromptMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "ADAPTION_PROMPT",
        DisplayName = "LLaMA-Adapter",
        Family = PeftFamily.Addition,
        Nearest = ["PREFIX_TUNING", "P_TUNING"],
        Branch = PeftBranch.Prompts,
        Summary = "Freezes the base; the attentions of the last layers look at a few learned vectors as well, through a gate that starts closed. For llama, mistral and gpt2 bases.",
        Paper = new Uri("https://arxiv.org/abs/2303.16199"),
        ConfigType = typeof(AdaptionPromptConfig),
        CanMerge = false,
        ReadConfig = AdaptionPromptConfig.Read,
        Create = (model, config) => AdaptionPromptAdapter.Create(model, (AdaptionPromptConfig)config),
        Load = (model, config, folder) => AdaptionPromptAdapter.Load(model, (AdaptionPromptConfig)config, folder),
        Options =
        [
            new("adapter_len", PeftOptionKind.Integer, "Learned vectors per layer; the paper takes 10.") { Default = 10, Minimum = 1, Maximum = 1024 },
            new("adapter_layers", PeftOptionKind.Integer, "Layers that get them, counted from the last; the paper takes 30 of 32.") { Default = 2, Minimum = 1, Maximum = 1024 },
        ],
    };
}
