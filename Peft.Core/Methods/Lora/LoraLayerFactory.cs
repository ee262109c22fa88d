using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>Makes the layers of an adapter, drawing initial values in PEFT's order.</summary>
internal sealed class LoraLayerFactory(BaseModel model, LoraConfig config)
{
    public LoraLayer Create(LoraTarget target, bool train)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        if (target.IsEmbedding)
        {
            var (up, down) = DrawEmbedding(target);
            var table = model.Embeddings.First(e => e.Path == target.Path);
            return new LoraEmbedding(target, model, table) { A = Place(up, model.DType, train), B = Place(down, model.DType, train) };
        }

        var site = target.Path == model.Head?.Path ? model.Head! : model.Linears.First(l => l.Path == target.Path);
        var (a, b, bias) = DrawLinear(target);
        var start = site.AdapterType(model.DType);
        Tensor? residual = null;
        if (config.InitLoraWeights is LoraInit.Pissa or LoraInit.Olora)
        {
            (a, b, var rest) = FromWeight(config, site, target);

            // What A and B start from is taken out of the weight after they were rounded, so that the sum is the base's again.
            residual = site.Transposed ? rest.t().contiguous() : rest;
            residual = residual.to(site.WeightParameter.Value.dtype).DetachFromDisposeScope();
        }

        var (placedA, placedB, placedBias) = (Place(a, start, train), Place(b, start, train), bias is null ? null : Place(bias, start, train));
        return config.UseDora
            ? new DoraLinear(target, model, site, config.LoraDropout) { A = placedA, B = placedB, Residual = residual, Train = train }
            : new LoraLinear(target, model, site, config.LoraDropout) { A = placedA, B = placedB, BiasOfB = placedBias, Residual = residual };
    }

    /// <summary>What A and B start from, and what is left of the base's weight.</summary>
    public static (Tensor A, Tensor B, Tensor Left) FromWeight(LoraConfig config, LinearSite site, LoraTarget target)
    {
        var weight = site.WeightParameter.Original.to(ScalarType.Float32);
        return config.InitLoraWeights == LoraInit.Olora
            ? WeightDecomposition.Olora(site.Transposed ? weight.t() : weight, target.Rank, target.Scaling)
            : WeightDecomposition.Pissa(site.Transposed ? weight.t() : weight, target.Rank, target.Scaling, config.PissaIterations);
    }

    /// <summary>PEFT makes two linear layers, which draw themselves, and then resets A and B according to the setting.</summary>
    private (Tensor A, Tensor B, Tensor? Bias) DrawLinear(LoraTarget target)
    {
        var a = Initialization.LinearWeight(target.Rank, target.InFeatures);
        var b = Initialization.LinearWeight(target.OutFeatures, target.Rank);
        var bias = config.LoraBias ? Initialization.LinearBias(target.OutFeatures, target.Rank) : null;
        if (config.InitLoraWeights == LoraInit.Default)
            Initialization.KaimingUniform(a, target.InFeatures);
        else if (config.InitLoraWeights == LoraInit.Gaussian)
            a.normal_(0, 1.0 / target.Rank);
        if (config.InitLoraWeights != LoraInit.Random)
        {
            b.fill_(0);
            bias?.fill_(0);
        }

        return (a, b, bias);
    }

    private (Tensor A, Tensor B) DrawEmbedding(LoraTarget target)
    {
        var a = Initialization.Normal(target.Rank, target.InFeatures);
        var b = Initialization.Normal(target.OutFeatures, target.Rank);
        if (config.InitLoraWeights != LoraInit.Random)
        {
            a.fill_(0);
            b.normal_();
        }

        return (a, b);
    }

    /// <summary>PEFT moves fresh weights to the base's type and then back to float32: over a bfloat16 base they start rounded.</summary>
    private Tensor Place(Tensor drawn, ScalarType start, bool train)
    {
        using (drawn)
        {
            using var rounded = drawn.to(start, model.Device);
            var placed = rounded.to(ScalarType.Float32, copy: true).contiguous().DetachFromDisposeScope();
            placed.requires_grad = train;
            return placed;
        }
    }
}
