using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.PTuning;

/// <summary>
/// Settings of P-tuning: the vectors in front of the text come out of a small network that is thrown away after training.
/// https://arxiv.org/abs/2103.10385. Field names and defaults are PEFT's.
/// </summary>
public sealed record PTuningConfig : SoftPromptConfig
{
    /// <summary>Kinds of network.</summary>
    internal static readonly IReadOnlyList<string> Kinds = ["MLP", "LSTM"];

    /// <inheritdoc />
    public override string PeftType => "P_TUNING";

    /// <summary>The network: <c>MLP</c> (three linear layers) or <c>LSTM</c> (both directions, then two linear layers). Default MLP.</summary>
    public string EncoderReparameterizationType { get; init; } = "MLP";

    /// <summary>Width of the network; null takes the width of the embedding.</summary>
    public int? EncoderHiddenSize { get; init; }

    /// <summary>Layers of the LSTM; an MLP has always three. Default 2.</summary>
    public int EncoderNumLayers { get; init; } = 2;

    /// <summary>Share of values dropped between the LSTM's layers in training, 0 to 1. Default 0.</summary>
    public double EncoderDropout { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static PTuningConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithPrompt(
            new PTuningConfig
            {
                EncoderReparameterizationType = reader.Text("encoder_reparameterization_type") ?? "MLP",
                EncoderHiddenSize = reader.Whole("encoder_hidden_size"),
                EncoderNumLayers = reader.Whole("encoder_num_layers") ?? 2,
                EncoderDropout = reader.Number("encoder_dropout") ?? 0,
            },
            reader);
    }

    /// <summary>Width of the network on this base.</summary>
    public int HiddenWidth(ModelConfig model) => EncoderHiddenSize ?? Width(model);

    /// <inheritdoc />
    public override SoftPromptConfig FilledFor(ModelConfig model) => (PTuningConfig)base.FilledFor(model) with { EncoderHiddenSize = HiddenWidth(model) };

    /// <inheritdoc />
    protected override IEnumerable<TrainableShape> PromptShapes(ModelConfig model) =>
        PromptNetwork.Shapes(this, model).Select(s => new TrainableShape(s.Name, s.Shape, InBase: false));

    /// <inheritdoc />
    protected override void ValidateOwn(ModelConfig model, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (!Kinds.Contains(EncoderReparameterizationType))
            result.Error("encoder_reparameterization_type", $"'{EncoderReparameterizationType}' is not known; known are {string.Join(", ", Kinds)}.");
        CheckSize("encoder_hidden_size", EncoderHiddenSize, result);
        CheckSize("encoder_num_layers", EncoderNumLayers, result);
        if (EncoderDropout is < 0 or >= 1)
            result.Error("encoder_dropout", $"dropout must be at least 0 and below 1, but is {EncoderDropout}.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        base.WriteFields(fields);
        fields["encoder_dropout"] = EncoderDropout;
        fields["encoder_hidden_size"] = EncoderHiddenSize;
        fields["encoder_num_layers"] = EncoderNumLayers;
        fields["encoder_reparameterization_type"] = EncoderReparameterizationType;
    }
}
