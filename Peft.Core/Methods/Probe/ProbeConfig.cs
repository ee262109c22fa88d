using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Probe;

/// <summary>
/// Settings of a linear probe: only the head of the model trains, which shows what the base's hidden states hold already.
/// https://arxiv.org/abs/1610.01644. PEFT has no such type; the weights are saved under the base's own names.
/// </summary>
public sealed record ProbeConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "PROBE";

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static ProbeConfig Read(JsonObject json) => WithCommon(new ProbeConfig(), new PeftJson(json));

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        if (model.HeadPath is null)
            result.Error("peft_type", "a probe trains the head of a model, and a model for hidden states has none. Choose another task or method.");
        else if (model.HeadIsTied)
            result.Error("peft_type", $"the head of this {model.ModelType} base shares its weights with the embedding, so it cannot train alone. Choose another method.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.Parameters().Where(p => Trains(model, p.Name)).Select(p => new TrainableShape(p.Name, p.Shape, InBase: true))];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
    }

    private bool Trains(ModelConfig model, string name)
    {
        string[] heads = [model.HeadPath!, .. TaskHead.Modules(model, TaskHead.Names(TaskType))];
        return heads.Any(h => name.StartsWith(h + ".", StringComparison.Ordinal));
    }
}
