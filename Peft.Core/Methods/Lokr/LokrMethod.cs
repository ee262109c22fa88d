using System.Text.Json.Nodes;

namespace Peft.Core.Methods.Lokr;

/// <summary>LoKr's entry in the registry.</summary>
internal static class LokrMethod
{
    public static PeftMethodDescriptor Descriptor { get; } = new()
    {
        Name = "LOKR",
        DisplayName = "LoKr",
        Family = PeftFamily.Reparameterization,
        Branch = PeftBranch.Products,
        Summary = "The change is a Kronecker product of two small matrices: very few parameters, and no limit on the rank of the change.",
        Paper = new Uri("https://arxiv.org/abs/2212.10650"),
        ConfigType = typeof(LokrConfig),
        CanMerge = true,
        ReadConfig = LokrConfig.Read,
        Create = (model, config) => LokrAdapter.Create(model, (LokrConfig)config),
        Load = (model, config, folder) => LokrAdapter.Load(model, (LokrConfig)config, folder),
        Options =
        [
            new("r", PeftOptionKind.Integer, "Rank of the larger factor; a rank of half its size or more keeps it whole.") { Default = 8, Minimum = 1, Maximum = 1024 },
            new("alpha", PeftOptionKind.Number, "The change is scaled by alpha / r.") { Default = 8, Minimum = 0 },
            .. TunerConfig.ModuleOptions,
            new("decompose_both", PeftOptionKind.Flag, "Let the smaller factor be a product of low rank too.") { Default = false, Advanced = true },
            new("decompose_factor", PeftOptionKind.Integer, "Largest size of the smaller factor; -1 makes both factors as equal as possible.") { Default = -1, Minimum = -1, Advanced = true },
            new("rank_dropout", PeftOptionKind.Number, "Share of the change's rows dropped while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
            new("rank_dropout_scale", PeftOptionKind.Flag, "Scale up the rows that stay when some are dropped.") { Default = false, Advanced = true },
            new("module_dropout", PeftOptionKind.Number, "How often a layer's whole change is left out while training.") { Default = 0.0, Minimum = 0, Maximum = 0.99, Advanced = true },
            new("rank_pattern", PeftOptionKind.Map, "Other ranks for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            new("alpha_pattern", PeftOptionKind.Map, "Other alphas for modules whose path ends with an expression.") { Default = new JsonObject(), Advanced = true },
            TunerConfig.ExcludeOption,
        ],
    };
}
