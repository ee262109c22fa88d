using Peft.Core.Models;
using Peft.Core.Models.EncoderDecoders;
using Peft.Core.Models.Encoders;
using static TorchSharp.torch;

namespace Peft.Core.Pretraining;

/// <summary>
/// First values that let some attention heads look at neighbouring tokens, which a small model otherwise finds only after millions of
/// tokens. BERT and RoBERTa: positions start as sines and cosines, and heads of the first two layers as rotations that lead from a
/// position to its neighbour. T5: position scores prefer neighbours in half of the heads. Everything trains from there.
/// </summary>
internal sealed class NeighbourStart(ModelConfig config, double spread)
{
    private const double FastestTurn = Math.PI;
    private const double Slowest = 1e-3;
    private const double Preference = 7; // e^7 outweighs a few hundred other tokens

    /// <summary>Changes freshly drawn values in place; called in module order.</summary>
    public void Shape(string name, Tensor drawn)
    {
        using var scope = NewDisposeScope();
        switch (config)
        {
            case BertConfig bert:
                ShapeEncoder(bert, name, drawn);
                break;
            case T5Config t5:
                ShapeEncoderDecoder(t5, name, drawn);
                break;
        }
    }

    private static int Offset(int head) => ((head / 2) + 1) * (head % 2 == 0 ? -1 : 1);

    /// <summary>Radians per position of a pair of dimensions.</summary>
    private static double Turn(int pair, int pairs) => FastestTurn * Math.Pow(Slowest / FastestTurn, (double)pair / Math.Max(1, pairs - 1));

    private void ShapeEncoder(BertConfig bert, string name, Tensor drawn)
    {
        if (name.EndsWith("token_type_embeddings.weight", StringComparison.Ordinal))
        {
            drawn.zero_();
        }
        else if (name.EndsWith("position_embeddings.weight", StringComparison.Ordinal) && bert.EmbeddingSize == bert.HiddenSize)
        {
            drawn.copy_(Waves(bert));
        }
        else if (Layer(name) is { } layer && layer < 2)
        {
            var heads = layer == 0 ? bert.NumAttentionHeads : bert.NumAttentionHeads / 2;
            if (name.EndsWith("self.query.weight", StringComparison.Ordinal) || name.EndsWith("self.key.weight", StringComparison.Ordinal))
                Rotate(bert, drawn, heads, layer, turned: name.Contains("query", StringComparison.Ordinal));
            else if (name.EndsWith("self.value.weight", StringComparison.Ordinal) || name.EndsWith("attention.output.dense.weight", StringComparison.Ordinal))
                drawn.mul_(1 / (Math.Sqrt(bert.HiddenSize) * bert.InitializerRange)); // what heads find must be heard beside the residual
        }
    }

    /// <summary>Positions with the spread of the words: sine and cosine of every pair turn with a speed of their own.</summary>
    private Tensor Waves(BertConfig bert)
    {
        var (rows, width) = (bert.MaxPositionEmbeddings, bert.HiddenSize);
        var values = new float[rows * width];
        for (var p = 0; p < rows; p++)
        {
            for (var f = 0; f < width / 2 && !(bert.CountsFromPad && p == bert.PadTokenId); f++)
            {
                var (sine, cosine) = Math.SinCos(p * Turn(f, width / 2));
                values[(p * width) + (2 * f)] = (float)(sine * Math.Sqrt(2) * spread);
                values[(p * width) + (2 * f) + 1] = (float)(cosine * Math.Sqrt(2) * spread);
            }
        }

        return tensor(values, rows, width);
    }

    /// <summary>Keys take the fastest pairs as they are; queries take them turned to where their head looks.</summary>
    private static void Rotate(BertConfig bert, Tensor drawn, int heads, int layer, bool turned)
    {
        var (width, pairs) = (bert.HiddenSize, Math.Min(bert.HeadDim, bert.HiddenSize) / 2);
        var gain = Math.Sqrt(2.25 * (layer + 1));
        for (var head = 0; head < heads; head++)
        {
            var values = new float[2 * pairs * width];
            for (var f = 0; f < pairs; f++)
            {
                var (sine, cosine) = Math.SinCos(turned ? Offset(head) * Turn(f, width / 2) : 0);
                values[(2 * f * width) + (2 * f)] = (float)(gain * cosine);
                values[(2 * f * width) + (2 * f) + 1] = (float)(gain * sine);
                values[(((2 * f) + 1) * width) + (2 * f)] = (float)(-gain * sine);
                values[(((2 * f) + 1) * width) + (2 * f) + 1] = (float)(gain * cosine);
            }

            drawn.narrow(0, head * bert.HeadDim, 2 * pairs).add_(tensor(values, 2 * pairs, width));
        }
    }

    private static void ShapeEncoderDecoder(T5Config t5, string name, Tensor drawn)
    {
        var half = t5.NumAttentionHeads / 2;
        if (name.EndsWith("relative_attention_bias.weight", StringComparison.Ordinal))
        {
            var encodes = name.StartsWith("encoder.", StringComparison.Ordinal);
            for (var head = 0; head < half; head++)
            {
                // Near distances have a bucket each: those ahead stand in the second half of the encoder's table.
                var offset = encodes ? Offset(head) : -(head + 1);
                var bucket = offset > 0 ? (t5.Buckets / 2) + offset : -offset;
                drawn[bucket, head].add_(Preference);
            }
        }
    }

    private static int? Layer(string name)
    {
        var parts = name.Split('.');
        var at = Array.IndexOf(parts, "layer");
        return at >= 0 && at + 1 < parts.Length && int.TryParse(parts[at + 1], out var layer) ? layer : null;
    }
}
