namespace Peft.Core.Methods.BitFit;

/// <summary>BitFit's entry in the registry.</summary>
internal static class BitFitMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "BITFIT",
        DisplayName = "BitFit",
        Family = PeftFamily.Specification,
        Nearest = ["LN_TUNING", "IA3"],
        Summary = "Freezes every weight of the base but its bias vectors. Needs a base that has biases; trains very few parameters and takes a high learning rate.",
        Paper = new Uri("https://arxiv.org/abs/2106.10199"),
        ConfigType = typeof(BitFitConfig),
        CanMerge = false,
        Format = PeftFormat.BaseParameters,
        ReadConfig = BitFitConfig.Read,
        Create = (model, config) => BitFitAdapter.Create(model, (BitFitConfig)config),
        Load = (model, config, folder) => BitFitAdapter.Load(model, (BitFitConfig)config, folder),
        Options = [],
    };
}
