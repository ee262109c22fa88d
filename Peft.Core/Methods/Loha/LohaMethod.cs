using System.Text.Json.Nodes;

namespace Peft.Core.Methods.Loha;

/// <summary>LoHa's entry in the registry.</summary>
internal static class LohaMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "LOHA",
        DisplayName = "LoHa",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.Products,
        Summary = "The change is the elementwise product of two low-rank matrices: a higher rank than LoRA with the same number of parameters.",
        Paper = new Uri("https://arxiv.org/abs/2108.06098"),
        ConfigType = typeof(LohaConfig),
        CanMerge = true,
        ReadConfig = LohaConfig.Read,
        Create = (model, config) => LohaAdapter.Create(model, (LohaConfig)config),
        Load = (model, config, folder) => LohaAdapter.Load(model, (LohaConfig)config, folder),
        Options =
        [
            new("r", PeftOptionKind.Integer, "Rank of both factors; the change can have its square as rank.") { Default = 8, Minimum = 1, Maximum = 1024 },
            new("alpha", PeftOptionKind.Number, "The change is scaled by alpha / r.") { Default = 8, Minimum = 0 },
            .. TunerConfig.ModuleOptions,
            new("rank_dropout", PeftOptionKind.Number, "Share of the change's rows dropped while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
            new("module_dropout", PeftOptionKind.Number, "How often a layer's whole change is left out while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
            new("rank_pattern", PeftOptionKind.Map, "Other ranks for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            new("alpha_pattern", PeftOptionKind.Map, "Other alphas for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            TunerConfig.ExcludeOption,
        ],
    };
}
