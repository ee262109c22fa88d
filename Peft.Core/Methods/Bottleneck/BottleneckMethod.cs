namespace Peft.Core.Methods.Bottleneck;

/// <summary>The entries of bottleneck adapters in the registry.</summary>
internal static class BottleneckMethod
{
    public static PeftMethodDescriptor Houlsby { get; } = Descriptor(
        "HOULSBY",
        "Houlsby adapter",
        "Freezes the base and learns small networks behind the attention and the feed-forward part of every layer. The classic adapter; saved in AdapterHub's format.",
        "https://arxiv.org/abs/1902.00751");

    public static PeftMethodDescriptor Pfeiffer { get; } = Descriptor(
        "PFEIFFER",
        "Pfeiffer adapter",
        "As Houlsby's, but one network per layer, behind the feed-forward part: half the parameters for nearly the same quality. Saved in AdapterHub's format.",
        "https://arxiv.org/abs/2005.00247");

    public static PeftMethodDescriptor Parallel { get; } = Descriptor(
        "BOTTLENECK",
        "Parallel adapter",
        "Small networks beside the feed-forward part of every layer instead of behind it; they start as a no-op. Saved in AdapterHub's format.",
        "https://arxiv.org/abs/2110.04366");

    private static PeftMethodDescriptor Descriptor(string name, string display, string summary, string paper)
    {
        var defaults = BottleneckConfig.Of(name);
        return new PeftMethodDescriptor
        {
            Name = name,
            DisplayName = display,
            Family = PeftFamily.Addition,
            Nearest = ["LORA", "IA3"],
            Branch = PeftBranch.Networks,
            Summary = summary,
            Paper = new Uri(paper),
            ConfigType = typeof(BottleneckConfig),
            CanMerge = false,
            Format = PeftFormat.AdapterHub,
            ReadConfig = json => BottleneckConfig.Read(json, name),
            Recognises = json => BottleneckConfig.Recognises(json, name),
            Create = (model, config) => BottleneckAdapter.Create(model, (BottleneckConfig)config),
            Load = (model, config, folder) => BottleneckAdapter.Load(model, (BottleneckConfig)config, folder),
            Options =
            [
                new("reduction_factor", PeftOptionKind.Number, "The networks are as wide as the base divided by this: less can express more and costs more.") { Default = defaults.ReductionFactor, Minimum = 0.01 },
                new("non_linearity", PeftOptionKind.Choice, "Activation in the middle of the networks.") { Default = defaults.NonLinearity, Choices = BottleneckConfig.Activations },
                new("scaling", PeftOptionKind.Number, "Factor on what the networks add.") { Default = defaults.Scaling, Advanced = true },
                new("init_weights", PeftOptionKind.Choice, "Start of the weights: small normal numbers (bert), or so that the networks add nothing (mam_adapter).") { Default = defaults.InitWeights, Choices = BottleneckConfig.Starts, Advanced = true },
            ],
        };
    }
}
