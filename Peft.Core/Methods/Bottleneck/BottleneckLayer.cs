using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Bottleneck;

/// <summary>
/// One network behind a sub-layer f of the residual stream h: h + f + s·up(act(down(z))). z is f, with <c>original_ln_before</c> the sum h + f
/// (behind its norm where one follows), in parallel h.
/// </summary>
internal sealed class BottleneckLayer : ISublayerAdapter, IDisposable
{
    private readonly SublayerSite site;
    private readonly BaseModel model;
    private readonly BottleneckConfig config;
    private readonly ScalarType adapterType;
    private readonly Tensor downWeight;
    private readonly Tensor downBias;
    private readonly Tensor upWeight;
    private readonly Tensor upBias;

    /// <summary>Draws a fresh network in AdapterHub's order: two linear layers, and then their weights anew.</summary>
    public BottleneckLayer(SublayerSite site, BaseModel model, BottleneckConfig config, bool train)
    {
        (this.site, this.model, this.config) = (site, model, config);
        adapterType = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;
        using var gradOff = no_grad();
        var (width, inner) = (model.Config.HiddenSize, config.Width(model.Config));
        var down = (Weight: Initialization.LinearWeight(inner, width), Bias: Initialization.LinearBias(inner, width));
        var up = (Weight: Initialization.LinearWeight(width, inner), Bias: Initialization.LinearBias(width, inner));
        if (config.InitWeights == "mam_adapter")
        {
            Initialization.KaimingUniform(down.Weight, width);
            up.Weight.zero_();
        }
        else
        {
            down.Weight.normal_(0, 0.02);
            up.Weight.normal_(0, 0.02);
        }

        down.Bias.zero_();
        up.Bias.zero_();
        downWeight = Initialization.Placed(down.Weight, model, train);
        downBias = Initialization.Placed(down.Bias, model, train);
        upWeight = Initialization.Placed(up.Weight, model, train);
        upBias = Initialization.Placed(up.Bias, model, train);
    }

    /// <summary>What trains.</summary>
    public IEnumerable<NamedParameter> Trainable
    {
        get
        {
            var root = config.RootOf(site.Path);
            return
            [
                new(root + "adapter_down.0.weight", downWeight), new(root + "adapter_down.0.bias", downBias),
                new(root + "adapter_up.weight", upWeight), new(root + "adapter_up.bias", upBias),
            ];
        }
    }

    public void Attach() => site.Adapter = this;

    public void Remove() => site.Adapter = null;

    public Tensor Join(Tensor residual, Tensor output, Func<Tensor, Tensor>? norm)
    {
        using var scope = NewDisposeScope();
        var sum = residual + output;
        var source = config.IsParallel ? residual : !config.OriginalLnBefore ? output : norm is null ? sum : norm(sum);
        var middle = Activations.Of(config.NonLinearity)(
            F.linear(source.to(adapterType), downWeight.to(adapterType), downBias.to(adapterType))); // [N, inner]
        var change = F.linear(middle, upWeight.to(adapterType), upBias.to(adapterType)); // [N, C]
        if (config.Scaling != 1)
            change = change * config.Scaling;
        return (sum + change.to(model.DType)).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        downWeight.Dispose();
        downBias.Dispose();
        upWeight.Dispose();
        upBias.Dispose();
    }
}
