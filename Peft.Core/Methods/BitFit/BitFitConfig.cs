using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.BitFit;

/// <summary>
/// Settings of BitFit: only the bias vectors of the base train, never the language-model head's. https://arxiv.org/abs/2106.10199.
/// PEFT has no such type; the weights are saved under the base's own names.
/// </summary>
public sealed record BitFitConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "BITFIT";

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static BitFitConfig Read(JsonObject json) => WithCommon(new BitFitConfig(), new PeftJson(json));

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        if (TrainableShapes(model).Count == 0)
            result.Error("peft_type", $"BitFit trains bias vectors, and this {model.ModelType} base has none. Choose another method, or a base with biases.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return
        [
            .. model.Parameters()
                .Where(p => p.Name.EndsWith(".bias", StringComparison.Ordinal) && p.Name != model.HeadPath + ".bias")
                .Select(p => new TrainableShape(p.Name, p.Shape, InBase: true)),
        ];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
    }
}
