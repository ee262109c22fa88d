using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.BitFit;

/// <summary>
/// Settings of BitFit: only the bias vectors of the base train, never the language-model head's; the head of another task trains whole. https://arxiv.org/abs/2106.10199.
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
        if (Biases(model).Count == 0)
            result.Error("peft_type", $"BitFit trains bias vectors, and this {model.ModelType} base has none. Choose another method, or a base with biases.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var trained = Biases(model).Concat(HeadParameters(model)).ToHashSet(StringComparer.Ordinal);
        return [.. model.Parameters().Where(p => trained.Contains(p.Name)).Select(p => new TrainableShape(p.Name, p.Shape, InBase: true))];
    }

    private static List<string> Biases(ModelConfig model) =>
        [.. model.Parameters().Select(p => p.Name).Where(name => name.EndsWith(".bias", StringComparison.Ordinal) && name != model.HeadPath + ".bias")];

    private IEnumerable<string> HeadParameters(ModelConfig model) =>
        TaskHead.Parameters(model, TaskHead.Modules(model, TaskHead.Names(TaskType)), "").Select(p => p.Parameter);

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
    }
}
