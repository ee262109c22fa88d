using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>What a method does at a linear layer.</summary>
public interface ILinearAdapter
{
    /// <summary>The adapted output [N, out] of the layer for its input [N, in].</summary>
    Tensor Forward(LinearSite site, Tensor input);
}

/// <summary>What a method does at the input embedding.</summary>
public interface IEmbeddingAdapter
{
    /// <summary>The adapted embeddings [N, C] of token ids [N].</summary>
    Tensor Forward(EmbeddingSite site, Tensor ids);
}

/// <summary>Learned keys and values in front of every attention (prefix-tuning).</summary>
public interface IPrefixSource
{
    /// <summary>Virtual tokens in front of the real ones.</summary>
    int Length { get; }

    /// <summary>Called once per forward: for layer i the keys at [2i] and the values at [2i + 1], each [Hkv, V, D], not rotated.</summary>
    Tensor[] KeysAndValues();
}

/// <summary>
/// Learned vectors in front of the text at the input embedding (prompt tuning and its kin). Virtual tokens have negative ids; the source is
/// the input embedding's adapter and knows what they mean.
/// </summary>
public interface ISoftPromptSource : IEmbeddingAdapter
{
    /// <summary>Virtual tokens in front of the real ones.</summary>
    int Length { get; }

    /// <summary>Learned vectors in front of what the decoder of an encoder-decoder reads; 0 where the method has none there.</summary>
    int DecoderLength => 0;

    /// <summary>The ids, all negative, that stand in front of each row of a batch: [rows, Length], int64, on the CPU.</summary>
    Tensor Ids(long rows);

    /// <summary>The same in front of the decoder's input: [rows, <see cref="DecoderLength"/>].</summary>
    Tensor DecoderIds(long rows) => throw new InvalidOperationException("This prompt has nothing for a decoder.");
}

/// <summary>What a method does beside an attention.</summary>
public interface IAttentionAdapter
{
    /// <summary>What is added, [B·T, H·D], for the queries [B, H, T, D] with their positions applied.</summary>
    Tensor Forward(Tensor queries);
}

/// <summary>What a method does where a sub-layer is added to the residual stream.</summary>
public interface ISublayerAdapter
{
    /// <summary>What goes on (and into the norm behind, where there is one), [N, C].</summary>
    /// <param name="residual">The stream in front of the sub-layer, [N, C].</param>
    /// <param name="output">What the sub-layer made of it, [N, C].</param>
    /// <param name="norm">The norm behind the addition; null where norms stand in front.</param>
    Tensor Join(Tensor residual, Tensor output, Func<Tensor, Tensor>? norm);
}

/// <summary>A place in the model with a module path.</summary>
public abstract class Site
{
    private protected Site(string path) => Path = path;

    /// <summary>Module path, e.g. <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public string Path { get; }
}

/// <summary>A linear layer with one slot for an adapter.</summary>
public sealed class LinearSite : Site
{
    internal LinearSite(string path, ModelParameter weight, ModelParameter? bias, bool transposed = false)
        : base(path)
    {
        WeightParameter = weight;
        BiasParameter = bias;
        Transposed = transposed;
    }

    /// <summary>Whether the weight lies as [in, out] (GPT-2's Conv1D).</summary>
    public bool Transposed { get; }

    /// <summary>Weight [out, in], or [in, out] when transposed; replaceable, so that a tied head can be given weights of its own.</summary>
    public ModelParameter WeightParameter { get; set; }

    /// <summary>Bias [out], if the layer has one.</summary>
    public ModelParameter? BiasParameter { get; }

    /// <summary>The weight that computes now, in its own layout.</summary>
    public Tensor Weight => WeightParameter.Value;

    /// <summary>The bias that computes now, [out], if any.</summary>
    public Tensor? Bias => BiasParameter?.Value;

    /// <summary>The type that weights of an adapter are rounded to when they are made: the products' over a 4-bit weight, else the model's.</summary>
    public ScalarType AdapterType(ScalarType model) => WeightParameter.Quantized?.Compute ?? model;

    /// <summary>The adapter, if any.</summary>
    public ILinearAdapter? Adapter { get; set; }

    /// <summary>Output [N, out] for input [N, in].</summary>
    public Tensor Forward(Tensor input) => Adapter is { } adapter ? adapter.Forward(this, input) : Base(input);

    /// <summary>Output of the layer without its adapter and its bias.</summary>
    public Tensor Product(Tensor input) => Multiply(input, null);

    /// <summary>Output of the layer without its adapter.</summary>
    public Tensor Base(Tensor input) => Multiply(input, BiasParameter?.Computing);

    private Tensor Multiply(Tensor input, Tensor? bias)
    {
        if (WeightParameter.Quantized is { } quantized)
            return quantized.Linear(input, bias);
        if (WeightParameter.Narrow is not { } narrow || Transposed)
            return F.linear(input, Transposed ? WeightParameter.Computing.t() : WeightParameter.Computing, bias);
        var output = FrozenProduct.Of(input, narrow);
        return bias is null ? output : output + bias;
    }
}

/// <summary>An embedding with one slot for an adapter.</summary>
public sealed class EmbeddingSite : Site
{
    internal EmbeddingSite(string path, ModelParameter weight)
        : base(path) => WeightParameter = weight;

    /// <summary>Table [vocab, C]; replaceable, so that it can be trained without the head that is tied to it.</summary>
    public ModelParameter WeightParameter { get; set; }

    /// <summary>The table that computes now, [vocab, C].</summary>
    public Tensor Weight => WeightParameter.Value;

    /// <summary>The adapter, if any.</summary>
    public IEmbeddingAdapter? Adapter { get; set; }

    /// <summary>Embeddings [N, C] of ids [N].</summary>
    public Tensor Forward(Tensor ids) => Adapter is { } adapter ? adapter.Forward(this, ids) : Base(ids);

    /// <summary>Embeddings without the adapter.</summary>
    public Tensor Base(Tensor ids) => WeightParameter.Narrow is { } narrow
        ? narrow.Rows(ids)
        : WeightParameter.Computing.index_select(0, ids);
}

/// <summary>The attention of one layer, as methods see it.</summary>
public sealed class AttentionSite : Site
{
    internal AttentionSite(string path, int layer)
        : base(path) => Layer = layer;

    /// <summary>Number of the layer, from 0.</summary>
    public int Layer { get; }

    /// <summary>The adapter beside it, if any.</summary>
    public IAttentionAdapter? Adapter { get; set; }
}

/// <summary>Which half of a layer a sub-layer is.</summary>
public enum SublayerKind
{
    /// <summary>The attention of a layer to its own tokens.</summary>
    Attention,

    /// <summary>The feed-forward part.</summary>
    FeedForward,
}

/// <summary>Where a sub-layer is added to the residual stream. The path is that of AdapterHub's adapters there.</summary>
public sealed class SublayerSite : Site
{
    internal SublayerSite(string path, SublayerKind kind)
        : base(path) => Kind = kind;

    /// <summary>Which half of the layer.</summary>
    public SublayerKind Kind { get; }

    /// <summary>The adapter, if any.</summary>
    public ISublayerAdapter? Adapter { get; set; }

    /// <summary>The sum, or what an adapter makes of it; see <see cref="ISublayerAdapter.Join"/>.</summary>
    internal Tensor Join(Tensor residual, Tensor output, Func<Tensor, Tensor>? norm = null) =>
        Adapter is { } adapter ? adapter.Join(residual, output, norm) : residual + output;
}

/// <summary>A norm, as methods see it.</summary>
public sealed class NormSite : Site
{
    internal NormSite(string path)
        : base(path)
    {
    }
}
