using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Prefix;

/// <summary>
/// Makes the table of virtual keys and values, [V, 2·L·t] with t = Hkv·D: an embedding of that width, or an embedding of width t through
/// Linear, tanh, Linear.
/// </summary>
internal sealed class PrefixEncoder : IDisposable
{
    public const string EmbeddingName = "prompt_encoder.embedding.weight";
    public const string FirstWeightName = "prompt_encoder.transform.0.weight";
    public const string FirstBiasName = "prompt_encoder.transform.0.bias";
    public const string SecondWeightName = "prompt_encoder.transform.2.weight";
    public const string SecondBiasName = "prompt_encoder.transform.2.bias";

    private readonly List<NamedParameter> parameters = [];
    private readonly bool projected;

    /// <summary>Draws a fresh encoder in PEFT's order: embedding, then each linear's weight and bias.</summary>
    public PrefixEncoder(PrefixTuningConfig config, BaseModel model)
    {
        projected = config.PrefixProjection;
        using var gradOff = no_grad();
        var (token, hidden, table) = (
            PrefixTuningConfig.KeyWidth(model.Config),
            config.HiddenWidth(model.Config),
            2L * model.Config.NumHiddenLayers * PrefixTuningConfig.KeyWidth(model.Config));
        Add(EmbeddingName, Initialization.Normal(config.NumVirtualTokens, projected ? token : table), model.Device);
        if (!projected)
            return;
        Add(FirstWeightName, Initialization.LinearWeight(hidden, token), model.Device);
        Add(FirstBiasName, Initialization.LinearBias(hidden, token), model.Device);
        Add(SecondWeightName, Initialization.LinearWeight(table, hidden), model.Device);
        Add(SecondBiasName, Initialization.LinearBias(table, hidden), model.Device);
    }

    /// <summary>An encoder that only holds a finished table, for inference.</summary>
    public PrefixEncoder(Tensor table) => parameters.Add(new NamedParameter(EmbeddingName, table));

    public IReadOnlyList<NamedParameter> Parameters => parameters;

    /// <summary>The table [V, 2·L·t].</summary>
    public Tensor Table()
    {
        var embedding = parameters[0].Tensor;
        if (!projected)
            return embedding.alias();
        var hidden = F.linear(embedding, parameters[1].Tensor, parameters[2].Tensor).tanh_(); // [V, H]
        return F.linear(hidden, parameters[3].Tensor, parameters[4].Tensor);
    }

    public void Dispose()
    {
        foreach (var (_, tensor) in parameters)
            tensor.Dispose();
    }

    private void Add(string name, Tensor drawn, Device device)
    {
        var tensor = drawn.to(device).DetachFromDisposeScope();
        if (!ReferenceEquals(tensor, drawn))
            drawn.Dispose();
        tensor.requires_grad = true;
        parameters.Add(new NamedParameter(name, tensor));
    }
}
