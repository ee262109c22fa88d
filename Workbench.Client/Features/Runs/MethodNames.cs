using Microsoft.Extensions.Localization;

namespace Workbench.Client.Features.Runs;

/// <summary>Names of methods as the field writes them; the baseline without training is the only one that is translated.</summary>
public sealed class MethodNames(IStringLocalizer<RunsText> text)
{
    public string Of(string peftType) => peftType switch
    {
        "LORA" => "LoRA",
        "PREFIX_TUNING" => "Prefix-tuning",
        "ADALORA" => "AdaLoRA",
        "PROMPT_TUNING" => "Prompt tuning",
        "P_TUNING" => "P-tuning",
        "MULTITASK_PROMPT_TUNING" => "Multitask prompt tuning",
        "ADAPTION_PROMPT" => "LLaMA-Adapter",
        "IA3" => "(IA)³",
        "HOULSBY" => "Houlsby adapter",
        "PFEIFFER" => "Pfeiffer adapter",
        "BOTTLENECK" => "Parallel adapter",
        "BITFIT" => "BitFit",
        "VERA" => "VeRA",
        "LOHA" => "LoHa",
        "LOKR" => "LoKr",
        "LN_TUNING" => "LN tuning",
        "PROBE" => text["methodProbe"],
        "FULL" => text["methodFull"],
        Contracts.PretrainDraft.PeftType => text["methodPretrain"],
        "NONE" => text["methodNone"],
        _ => peftType,
    };

    /// <summary>One plain sentence, for hovering.</summary>
    public string Explain(string peftType)
    {
        var explained = text["explain_" + peftType];
        return explained.ResourceNotFound ? Of(peftType) : explained;
    }
}
