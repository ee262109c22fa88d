using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Full;

/// <summary>Settings of full fine-tuning: every parameter of the base trains. The result is a whole model.</summary>
public sealed record FullConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "FULL";

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static FullConfig Read(JsonObject json) => WithCommon(new FullConfig(), new PeftJson(json));

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model) => new();

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.Parameters().Select(p => new TrainableShape(p.Name, p.Shape, InBase: true))];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
    }
}
