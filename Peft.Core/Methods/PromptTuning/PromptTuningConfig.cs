using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.PromptTuning;

/// <summary>
/// Settings of prompt tuning: a few learned vectors stand in front of the text at the input embedding, and nothing else trains.
/// https://arxiv.org/abs/2104.08691. Field names and defaults are PEFT's.
/// </summary>
public sealed record PromptTuningConfig : SoftPromptConfig
{
    /// <summary>Ways to start.</summary>
    internal static readonly IReadOnlyList<string> Starts = ["RANDOM", "SAMPLE_VOCAB", "TEXT"];

    /// <inheritdoc />
    public override string PeftType => "PROMPT_TUNING";

    /// <summary>
    /// How the vectors start: <c>RANDOM</c> (normal), <c>SAMPLE_VOCAB</c> (embeddings of random tokens) or <c>TEXT</c> (embeddings of a text).
    /// Default RANDOM.
    /// </summary>
    public string PromptTuningInit { get; init; } = "RANDOM";

    /// <summary>The text to start from; repeated or cut to the number of virtual tokens.</summary>
    public string? PromptTuningInitText { get; init; }

    /// <summary>Tokenizer that PEFT reads the text with; recorded only, the engine reads it with the base's own.</summary>
    public string? TokenizerNameOrPath { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static PromptTuningConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithPrompt(
            new PromptTuningConfig
            {
                PromptTuningInit = reader.Text("prompt_tuning_init") ?? "RANDOM",
                PromptTuningInitText = reader.Text("prompt_tuning_init_text"),
                TokenizerNameOrPath = reader.Text("tokenizer_name_or_path"),
            },
            reader);
    }

    /// <inheritdoc />
    protected override IEnumerable<TrainableShape> PromptShapes(ModelConfig model) =>
        [new TrainableShape(PromptTuningAdapter.TableName, [TableRows, Width(model)], InBase: false)];

    /// <inheritdoc />
    protected override void ValidateOwn(ModelConfig model, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (!Starts.Contains(PromptTuningInit))
            result.Error("prompt_tuning_init", $"'{PromptTuningInit}' is not known; known are {string.Join(", ", Starts)}.");
        if (PromptTuningInit == "TEXT" && string.IsNullOrWhiteSpace(PromptTuningInitText))
            result.Error("prompt_tuning_init_text", "starting from a text needs one: write what the task is.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        base.WriteFields(fields);
        fields["prompt_tuning_init"] = PromptTuningInit;
        fields["prompt_tuning_init_text"] = PromptTuningInitText;
        fields["tokenizer_kwargs"] = null;
        fields["tokenizer_name_or_path"] = TokenizerNameOrPath;
    }
}
