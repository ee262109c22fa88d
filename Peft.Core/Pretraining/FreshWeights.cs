using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Models.EncoderDecoders;
using Peft.Core.Serialization;
using Peft.Core.Tokenization;
using static TorchSharp.torch;

namespace Peft.Core.Pretraining;

/// <summary>
/// First values as <c>_init_weights</c> of Hugging Face's classes draws them: norms one, biases zero, the rest normal with the config's
/// <c>initializer_range</c>, or with T5's own widths; the padding token's row is zero where the class says so.
/// </summary>
internal sealed class FreshWeights(ModelConfig config, JsonObject json, bool neighbours) : IDisposable
{
    /// <summary>
    /// Spread of words and positions in a structured start: an optimizer step moves every row by about the learning rate, whatever its
    /// gradient, and rows must be large beside that to keep what they say. The first norm makes the scale indifferent to the layers; the
    /// head's norm starts smaller for it.
    /// </summary>
    private const double TableSpread = 0.1;

    private const double HeadGain = 0.3;

    private readonly NeighbourStart? start = neighbours ? new NeighbourStart(config, TableSpread) : null;
    private readonly AlikeStart? alike = neighbours ? new AlikeStart(config, config is T5Config ? json["initializer_factor"]?.GetValue<double>() ?? 1 : 1) : null;
    private readonly Dictionary<string, Func<Tensor>> known = new(StringComparer.Ordinal);

    /// <summary>The values of a parameter; drawn on the CPU from the global generator. The caller disposes them.</summary>
    public Tensor Draw(string name, long[] shape)
    {
        if (known.TryGetValue(name, out var give))
            return give();
        if (name.EndsWith(".bias", StringComparison.Ordinal))
            return zeros(shape);
        if (name.Contains("norm", StringComparison.OrdinalIgnoreCase))
            return neighbours && name is "lm_head.layer_norm.weight" or "cls.predictions.transform.LayerNorm.weight" ? full(shape, HeadGain) : ones(shape);
        var drawn = empty(shape).normal_(0, Spread(name));
        if (config is not T5Config && config.PadTokenId is { } pad && (name == config.EmbeddingPath + ".weight" || IsCountedPosition(name)))
        {
            using var row = drawn[pad];
            row.zero_();
        }

        start?.Shape(name, drawn);
        alike?.Shape(name, drawn);
        return drawn;
    }

    /// <inheritdoc />
    public void Dispose() => alike?.Dispose();

    /// <summary>
    /// Lets the bias of a masked-language head start with how often each token occurs, so that the first thousand steps need not be spent on
    /// that: until then every row of the tied table is pushed the same way, which drowns what tells tokens apart.
    /// </summary>
    /// <param name="rows">Ids of the corpus.</param>
    public void ExpectFrequencies(IReadOnlyList<int[]> rows)
    {
        if (!neighbours || config.Task != ModelTask.MaskedLm)
            return;
        var counts = new float[config.VocabSize];
        Array.Fill(counts, 1);
        foreach (var row in rows)
        {
            foreach (var id in row)
                counts[id]++;
        }

        foreach (var bias in new[] { "lm_head.bias", "cls.predictions.bias" })
        {
            known[bias] = () =>
            {
                using var scope = NewDisposeScope();
                var logarithms = tensor(counts).log();
                return (logarithms - logarithms.mean()).MoveToOuterDisposeScope();
            };
        }
    }

    /// <summary>Lets the embedding rows of another base stand where both tokenizers have the same token; others stay drawn.</summary>
    /// <param name="folder">The other base.</param>
    /// <param name="tokenizer">The new base's tokenizer.</param>
    /// <returns>Rows that were taken.</returns>
    /// <exception cref="PeftException">Unreadable base, or another width.</exception>
    public int TakeEmbeddings(string folder, PretrainedTokenizer tokenizer)
    {
        var (from, other) = (ModelConfig.Load(folder), PretrainedTokenizer.Load(folder));
        if (from.HiddenSize != config.HiddenSize)
            throw new PeftException($"init_embeddings_from: the base in {folder} has width {from.HiddenSize}, the new one {config.HiddenSize}. Choose the same width, or leave the embeddings to chance.");
        using var checkpoint = Checkpoint.Open(folder);
        using var stored = new CheckpointNames(checkpoint, from).Find(from.EmbeddingPath + ".weight")!;
        using var rows = stored.to(ScalarType.Float32, copy: true);
        var pairs = Enumerable.Range(0, tokenizer.VocabularySize)
            .Select(id => (Id: id, Other: tokenizer.Text(id) is { } text ? other.Id(text) : null))
            .Where(pair => pair.Other is { } at && at < rows.shape[0])
            .Select(pair => (pair.Id, Other: pair.Other!.Value))
            .ToArray();
        using var taken = rows.index_select(0, tensor(pairs.Select(pair => (long)pair.Other).ToArray()));

        // What all rows share (half of their length in a trained decoder) would drown what tells tokens apart, and positions, in the first
        // norm; to a head it makes no difference, since it moves all scores alike.
        using var shared = taken.mean([0], keepdim: true);
        using var chosen = taken - shared;
        using var spread = chosen.std();
        var measured = spread.item<float>();

        // The input table gets the spread it would have been drawn with, since the layers behind it were made for that; a head of its own
        // keeps its spread and is turned as a whole: its tokens stay as like or unlike as they are, but what goes in is not what comes out.
        // Unturned, the first model repeats every token with certainty, and unlearning that costs it what it knows of the token.
        Know(config.EmbeddingPath + ".weight", Spread(config.EmbeddingPath + ".weight") / measured, turn: null);
        if (config.HeadPath is { } head && !config.HeadIsTied)
        {
            using var drawn = randn(config.HiddenSize, config.HiddenSize);
            var (turn, triangle) = linalg.qr(drawn);
            using (turn)
            using (triangle)
                Know(head + ".weight", 1, turn);
        }

        return pairs.Length;

        void Know(string name, double factor, Tensor? turn)
        {
            using var scaled = chosen.mul(factor);
            var values = (turn is null ? scaled.clone() : scaled.mm(turn)).DetachFromDisposeScope();
            var index = pairs.Select(pair => (long)pair.Id).ToArray();
            known[name] = () =>
            {
                using (values)
                {
                    var table = empty([config.VocabSize, config.HiddenSize]).normal_(0, factor * measured);
                    return table.index_copy_(0, tensor(index), values);
                }
            };
        }
    }

    /// <summary>Lets the weights of another base of the same architecture stand.</summary>
    /// <exception cref="PeftException">Unreadable base, or other shapes.</exception>
    public void TakeAll(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var names = new CheckpointNames(checkpoint, config);
        names.CheckAgainst(config.Parameters());
        foreach (var parameter in config.Parameters())
        {
            using var stored = names.Find(parameter.Name)!;
            var copy = stored.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
            known[parameter.Name] = () => copy;
        }
    }

    private bool IsCountedPosition(string name) =>
        config.ModelType == "roberta" && name.EndsWith("position_embeddings.weight", StringComparison.Ordinal);

    private double Spread(string name)
    {
        if (config is not T5Config t5)
            return neighbours && name.EndsWith("_embeddings.weight", StringComparison.Ordinal) ? TableSpread : config.InitializerRange;
        var factor = json["initializer_factor"]?.GetValue<double>() ?? 1;
        bool Ends(string ending) => name.EndsWith(ending + ".weight", StringComparison.Ordinal);
        var width = (double)t5.HiddenSize;
        return factor * (Ends("shared") || Ends("lm_head") ? 1
            : Ends(".q") ? 1 / Math.Sqrt(width * t5.HeadDim)
            : Ends(".o") ? 1 / Math.Sqrt(t5.QueryWidth)
            : Ends(".wo") ? 1 / Math.Sqrt(t5.FeedForwardSize)
            : 1 / Math.Sqrt(width));
    }
}
