using Peft.Core.Tensors;

namespace Peft.Core.Models;

/// <summary>A linear layer that methods can attach to, known from the config alone.</summary>
/// <param name="Path">Module path, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="InFeatures">Input width.</param>
/// <param name="OutFeatures">Output width.</param>
/// <param name="HasBias">Whether it has a bias vector.</param>
public sealed record LinearShape(string Path, int InFeatures, int OutFeatures, bool HasBias);

/// <summary>
/// What <c>config.json</c> says about a base model. It lists every parameter and every linear layer without tensors, so that the server can
/// show trainable counts and validate settings.
/// </summary>
public abstract record ModelConfig
{
    /// <summary>Architecture id, e.g. <c>llama</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads per layer.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key/value heads per layer; fewer than query heads means grouped-query attention.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Width of one head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>Whether the head shares the embedding's weights.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Element type of the checkpoint as the config names it (<c>dtype</c> or the older <c>torch_dtype</c>); may be absent.</summary>
    public string? Dtype { get; init; }

    /// <summary>Id that fills short rows; null when the config names none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Id that starts a text; null when the config names none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Ids that end an answer; may be empty.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Module path of the input embedding.</summary>
    public abstract string EmbeddingPath { get; }

    /// <summary>Module path of the language-model head.</summary>
    public abstract string HeadPath { get; }

    /// <summary>The path element in front of a layer number, e.g. <c>layers</c>.</summary>
    public abstract string LayersName { get; }

    /// <summary>Reads <c>config.json</c> of a Hugging Face folder with the reader of its architecture.</summary>
    /// <exception cref="PeftException">Missing or damaged file, unknown architecture, unusable value.</exception>
    public static ModelConfig Load(string folder)
    {
        var reader = ConfigReader.Open(folder);
        return ModelRegistry.Find(reader).ReadConfig(reader);
    }

    /// <summary>Every parameter in module order; a tied head is not listed, since it is the embedding.</summary>
    public abstract IReadOnlyList<ParameterShape> Parameters();

    /// <summary>Every linear layer in module order, without the head.</summary>
    public abstract IReadOnlyList<LinearShape> Linears();

    /// <summary>The head as a linear layer.</summary>
    public LinearShape Head() => new(HeadPath, HiddenSize, VocabSize, HasBias: false);

    /// <summary>Number of parameters, tied ones once.</summary>
    public long ParameterCount() => Parameters().Sum(p => p.Count);
}
