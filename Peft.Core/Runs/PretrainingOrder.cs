using System.Text.Json.Nodes;

namespace Peft.Core.Runs;

/// <summary>What a run is for.</summary>
public enum RunKind
{
    /// <summary>Train a method over a base on a dataset.</summary>
    Finetune,

    /// <summary>Make a base from text.</summary>
    Pretrain,
}

/// <summary>What a base learns from plain text.</summary>
public enum PretrainingObjective
{
    /// <summary>Fill in hidden-out tokens (encoders).</summary>
    MaskedLm,

    /// <summary>Write hidden-out stretches behind their sentinels (encoder-decoders).</summary>
    SpanCorruption,

    /// <summary>Write the next token (decoders).</summary>
    CausalLm,
}

/// <summary>
/// The part of an order that makes a base: <see cref="RunRequest.BaseModel"/> is then the folder whose tokenizer is extended,
/// <see cref="RunRequest.Dataset"/> the corpus, and <see cref="RunRequest.Training"/> says how it trains.
/// </summary>
public sealed record PretrainingOrder
{
    /// <summary>The architecture with the names of <c>config.json</c>; <c>model_type</c> is required, vocabulary and special ids follow from the tokenizer.</summary>
    public required JsonObject Config { get; init; }

    /// <summary>What is learnt; null takes what suits the architecture.</summary>
    public PretrainingObjective? Objective { get; init; }

    /// <summary>Field of the corpus' lines that holds the text.</summary>
    public string TextField { get; init; } = "text";

    /// <summary>Share of the tokens that is hidden (masked LM and span corruption).</summary>
    public double NoiseDensity { get; init; } = 0.15;

    /// <summary>Tokens of a hidden stretch on average (span corruption).</summary>
    public double MeanSpanLength { get; init; } = 3;

    /// <summary>Whether short documents are put behind one another up to the length; otherwise each is a row of its own.</summary>
    public bool Pack { get; init; }

    /// <summary>Documents that are held out to measure loss and accuracy, the last ones of the corpus.</summary>
    public int EvalDocuments { get; init; } = 500;

    /// <summary>A base whose embedding rows start the new one's, where the tokens are the same and the width agrees; null draws them.</summary>
    public string? InitEmbeddingsFrom { get; init; }

    /// <summary>
    /// Whether some attention heads of an encoder or encoder-decoder start by looking at neighbouring tokens, which a small model otherwise
    /// finds only after millions of tokens; false draws everything as Hugging Face does.
    /// </summary>
    public bool NeighbourStart { get; init; }

    /// <summary>
    /// Factor on the learning rate of the tables with a row per token. A step moves every row by about the rate, also those of tokens that it
    /// did not see: rows that another base has taught should move slower than the rest.
    /// </summary>
    public double TableRate { get; init; } = 1;

    /// <summary>A base of the same architecture whose weights start the new one's; null draws them.</summary>
    public string? InitFrom { get; init; }

    /// <summary>Folder of the finished base; null is <c>model</c> in the run directory.</summary>
    public string? Output { get; init; }
}
