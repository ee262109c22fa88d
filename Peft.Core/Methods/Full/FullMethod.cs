namespace Peft.Core.Methods.Full;

/// <summary>Full fine-tuning's entry in the registry.</summary>
internal static class FullMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "FULL",
        DisplayName = "Full fine-tuning",
        Family = PeftFamily.Full,
        Summary = "Trains every parameter of the base: the yardstick for the others, at the highest cost in memory and disk.",
        Paper = new Uri("https://arxiv.org/abs/1801.06146"),
        ConfigType = typeof(FullConfig),
        CanMerge = false,
        Format = PeftFormat.BaseParameters,
        NeedsFloat32Base = true,
        ReadConfig = FullConfig.Read,
        Create = (model, config) => FullAdapter.Create(model, (FullConfig)config),
        Load = (model, config, folder) => FullAdapter.Load(model, (FullConfig)config, folder),
        Options = [],
    };
}
