using Peft.Core.Models;
using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.PTuning;

/// <summary>
/// The network that makes the vectors of P-tuning out of an embedding [rows, C]: Linear, ReLU, Linear, ReLU, Linear; or an LSTM in both
/// directions, Linear, ReLU, Linear. Without a network it holds a finished table.
/// </summary>
internal sealed class PromptNetwork : IDisposable
{
    public const string EmbeddingName = "prompt_encoder.embedding.weight";
    private const string LstmName = "prompt_encoder.lstm_head.";

    private readonly List<NamedParameter> parameters = [];
    private readonly TorchSharp.Modules.LSTM? lstm;
    private readonly bool finished;

    /// <summary>Draws a fresh network in PEFT's order: embedding, LSTM, linears.</summary>
    public PromptNetwork(PTuningConfig config, BaseModel model)
    {
        using var gradOff = no_grad();
        var (width, hidden) = (SoftPromptConfig.Width(model.Config), config.HiddenWidth(model.Config));
        Add(EmbeddingName, Initialization.Normal(config.TableRows, width), model.Device);
        if (config.EncoderReparameterizationType == "LSTM")
        {
            lstm = nn.LSTM(width, hidden, config.EncoderNumLayers, bias: true, batchFirst: true, dropout: config.EncoderDropout, bidirectional: true);
            if (model.Device.type != DeviceType.CPU)
                lstm.to(model.Device);
            foreach (var (name, parameter) in lstm.named_parameters())
            {
                parameter.DetachFromDisposeScope();
                parameter.requires_grad = true;
                parameters.Add(new NamedParameter(LstmName + name, parameter));
            }
        }

        foreach (var (index, output, input) in Linears(config, model.Config))
        {
            Add($"prompt_encoder.mlp_head.{index}.weight", Initialization.LinearWeight(output, input), model.Device);
            Add($"prompt_encoder.mlp_head.{index}.bias", Initialization.LinearBias(output, input), model.Device);
        }
    }

    /// <summary>A network that only holds a finished table, for inference.</summary>
    public PromptNetwork(Tensor table)
    {
        finished = true;
        parameters.Add(new NamedParameter(EmbeddingName, table));
    }

    public IReadOnlyList<NamedParameter> Parameters => parameters;

    /// <summary>Names and shapes, from configs alone.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Shapes(PTuningConfig config, ModelConfig model)
    {
        long width = SoftPromptConfig.Width(model);
        long hidden = config.HiddenWidth(model);
        yield return (EmbeddingName, [config.TableRows, width]);
        if (config.EncoderReparameterizationType == "LSTM")
        {
            for (var layer = 0; layer < config.EncoderNumLayers; layer++)
            {
                foreach (var direction in new[] { "", "_reverse" })
                {
                    yield return ($"{LstmName}weight_ih_l{layer}{direction}", [4 * hidden, layer == 0 ? width : 2 * hidden]);
                    yield return ($"{LstmName}weight_hh_l{layer}{direction}", [4 * hidden, hidden]);
                    yield return ($"{LstmName}bias_ih_l{layer}{direction}", [4 * hidden]);
                    yield return ($"{LstmName}bias_hh_l{layer}{direction}", [4 * hidden]);
                }
            }
        }

        foreach (var (index, output, input) in Linears(config, model))
        {
            yield return ($"prompt_encoder.mlp_head.{index}.weight", [output, input]);
            yield return ($"prompt_encoder.mlp_head.{index}.bias", [output]);
        }
    }

    /// <summary>The vectors [rows, C].</summary>
    public Tensor Table(bool training)
    {
        if (finished)
            return parameters[0].Tensor.alias();
        var x = parameters[0].Tensor;
        var first = 1;
        if (lstm is not null)
        {
            lstm.train(training);
            var (output, state, cell) = lstm.call(x.unsqueeze(0)); // [1, rows, 2H]
            state.Dispose();
            cell.Dispose();
            x = output.squeeze(0);
            first = parameters.Count - 4;
        }

        for (var i = first; i < parameters.Count; i += 2)
        {
            x = F.linear(x, parameters[i].Tensor, parameters[i + 1].Tensor);
            if (i + 2 < parameters.Count)
                x = x.relu();
        }

        return x;
    }

    public void Dispose()
    {
        foreach (var (_, tensor) in parameters)
            tensor.Dispose();
        lstm?.Dispose();
    }

    private static IEnumerable<(int Index, int Output, int Input)> Linears(PTuningConfig config, ModelConfig model)
    {
        var (width, hidden) = (SoftPromptConfig.Width(model), config.HiddenWidth(model));
        return config.EncoderReparameterizationType == "LSTM"
            ? [(0, 2 * hidden, 2 * hidden), (2, width, 2 * hidden)]
            : [(0, hidden, width), (2, hidden, hidden), (4, width, hidden)];
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
