namespace Peft.Core.Methods.Probe;

/// <summary>The linear probe's entry in the registry.</summary>
internal static class ProbeMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "PROBE",
        DisplayName = "Linear probe",
        Family = PeftFamily.Specification,
        Nearest = ["LN_TUNING", "LORA"],
        Summary = "Trains the head alone on what the frozen base computes: a floor that shows what the base knows already.",
        Paper = new Uri("https://arxiv.org/abs/1610.01644"),
        ConfigType = typeof(ProbeConfig),
        CanMerge = false,
        Format = PeftFormat.BaseParameters,
        ReadConfig = ProbeConfig.Read,
        Create = (model, config) => ProbeAdapter.Create(model, (ProbeConfig)config),
        Load = (model, config, folder) => ProbeAdapter.Load(model, (ProbeConfig)config, folder),
        Options = [],
    };
}
