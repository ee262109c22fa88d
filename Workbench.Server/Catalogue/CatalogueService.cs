using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Planning;

namespace Workbench.Server.Catalogue;

/// <summary>The catalogue with what each model takes on this machine; computed once, from shapes.</summary>
internal sealed class CatalogueService
{
    private readonly Lazy<IReadOnlyList<CatalogueEntry>> _entries = new(() => [.. CatalogueFile.Items.Select(Describe)]);

    public CatalogueDto Get() => new(MemoryPlan.Machine(), _entries.Value);

    private static CatalogueEntry Describe(CatalogueItem item)
    {
        var config = item.IsSupported ? item.Read() : null;
        return new CatalogueEntry(
            item.Id,
            item.Name,
            item.Family,
            item.Kind,
            item.Date,
            item.Hub,
            item.Licence,
            item.Languages,
            item.Lecture,
            item.Parameters ?? config?.ParameterCount() ?? Rounded(item.Rounded!),
            Rounded: item.Parameters is null && config is null,
            item.ModelType,
            Verified: config is not null,
            item.Position,
            item.Attention,
            item.Activation,
            item.Norm,
            First(item.Config, "num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers"),
            First(item.Config, "num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads"),
            First(item.Config, "hidden_size", "n_embd", "d_model", "dim_model", "dim"),
            First(item.Config, "vocab_size", "padded_vocab_size"),
            First(item.Config, "max_position_embeddings", "n_positions", "seq_length", "max_sequence_length", "max_seq_len", "model_max_length"),
            item.Source,
            config is null ? null : BaseNeeds.Memory(config));
    }

    /// <summary>The number that a name like 175B or 62.50B stands for.</summary>
    private static long Rounded(string text) => (long)(double.Parse(text[..^1], CultureInfo.InvariantCulture) * (text[^1] == 'M' ? 1e6 : 1e9));

    private static int First(JsonObject config, params string[] names) =>
        names.Select(name => config[name]).FirstOrDefault(node => node is not null)?.GetValue<int>() ?? 0;
}
