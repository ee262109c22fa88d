using Peft.Core.Models;
using Peft.Core.Models.EncoderDecoders;
using Peft.Core.Models.Encoders;
using static TorchSharp.torch;

namespace Peft.Core.Pretraining;

/// <summary>
/// First values that let some attention heads look for tokens whose state is like their own and pass on what stands there: keys are the
/// queries, outputs the transposed values. Behind heads that look at neighbours this finds other places with the same surroundings, so
/// that copying has only to be refined. Encoders: the upper half of the heads behind the first layer; T5 also the lower half of the heads
/// that look at the input. The idea is that of https://arxiv.org/abs/2305.09828. Everything trains from there.
/// </summary>
/// <param name="config">The new base.</param>
/// <param name="residual">Spread of the states that heads add to: 1 behind norms, that of the embeddings in T5.</param>
internal sealed class AlikeStart(ModelConfig config, double residual) : IDisposable
{
    private const double Likeness = 10; // score of a state with itself; those of unlike states lie around 0

    /// <summary>
    /// Share of a state that a head passes on. What is loud at first drowns the token itself from layer to layer, and weights that start small
    /// change quickly beside what they are.
    /// </summary>
    private readonly double loudness = 0.1 * residual;

    private Tensor? query;
    private Tensor? value;

    /// <summary>Changes freshly drawn values in place; called in module order: query, key, value, output.</summary>
    public void Shape(string name, Tensor drawn)
    {
        using var scope = NewDisposeScope();
        if (name is "lm_head.dense.weight" or "cls.predictions.transform.dense.weight")
        {
            drawn.add_(eye(drawn.shape[0])); // what the last layer says of a token can be read at once
        }
        else if (Heads(name) is var (first, count, role))
        {
            var (from, length) = (first * (long)config.HeadDim, count * (long)config.HeadDim);
            switch (role)
            {
                case 'q':
                    drawn.narrow(0, from, length).normal_(0, QuerySpread());
                    Keep(ref query, drawn.narrow(0, from, length));
                    break;
                case 'k':
                    // T5 does not divide scores by √D; its queries are drawn that much smaller, its keys are not.
                    drawn.narrow(0, from, length).copy_(config is T5Config ? query! * Math.Sqrt(config.HeadDim) : query!);
                    break;
                case 'v':
                    drawn.narrow(0, from, length).normal_(0, Math.Sqrt(loudness / config.HeadDim));
                    Keep(ref value, drawn.narrow(0, from, length));
                    break;
                default:
                    drawn.narrow(1, from, length).copy_(value!.t());
                    break;
            }
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        query?.Dispose();
        value?.Dispose();
    }

    /// <summary>Q of states x with |x|² = C: √D·|Qx|² (T5), |Qx|²/√D (BERT) is the wanted score.</summary>
    private double QuerySpread()
    {
        var (width, headDim) = ((double)config.HiddenSize, (double)config.HeadDim);
        return config is T5Config ? Math.Sqrt(Likeness / (Math.Pow(headDim, 1.5) * width)) : Math.Sqrt(Likeness / (Math.Sqrt(headDim) * width));
    }

    private static void Keep(ref Tensor? kept, Tensor values)
    {
        kept?.Dispose();
        kept = values.clone().DetachFromDisposeScope();
    }

    /// <summary>Which heads of a weight are meant, and which of the four weights it is.</summary>
    private (int First, int Count, char Role)? Heads(string name)
    {
        var (half, all) = (config.NumAttentionHeads / 2, config.NumAttentionHeads);
        var parts = name.Split('.');
        if (parts is not [.., "weight"])
            return null;
        if (config is BertConfig)
        {
            var layer = Array.IndexOf(parts, "layer");
            if (layer < 0 || parts[layer + 1] == "0" || parts[layer + 2] != "attention")
                return null;
            char? role = parts[^2] switch { "query" => 'q', "key" => 'k', "value" => 'v', "dense" => 'o', _ => null };
            return role is { } known ? (half, all - half, known) : null;
        }

        if (config is not T5Config || parts[^2].Length != 1)
            return null;
        return parts[^3] switch
        {
            "SelfAttention" when parts[0] == "encoder" && parts[2] != "0" => (half, all - half, parts[^2][0]),
            "EncDecAttention" => (0, half, parts[^2][0]),
            _ => null,
        };
    }
}
