using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Tests.Runs;

/// <summary>Runs and methods as the server would describe them.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Noon = new(2026, 5, 4, 11, 0, 0, TimeSpan.Zero);

    public static RunSummary Run(
        string id, string peft = "LORA", RunState state = RunState.Completed, double? f1 = null, double? low = null, double? high = null, long? trainable = null,
        string? comparison = null, string dataset = "d1", string model = "m1", string name = "", int color = 0, double? evalLoss = null, int? queue = null) =>
        new(id, name, peft, MethodFamily.Reparameterization, dataset, "sample", model, "mini", state, 10, 200, 12, 1.5, evalLoss, 900, Noon, Noon, Noon, comparison, null,
            f1 is null ? null : new(trainable, 8_000_000, 0.3, f1, f1, f1, low, high, 0.01, 300, 1000, 2000, 60, 30, []), color, queue);

    public static MethodDto Lora { get; } = new(
        "LORA", "LoRA", MethodFamily.Reparameterization, "", "",
        [
            new("r", OptionKind.Integer, "8", 1, 1024, [], "small enough for this base", false),
            new("lora_dropout", OptionKind.Number, "0.05", 0, 1, [], "", false),
            new("use_rslora", OptionKind.Flag, "false", null, null, [], "", true),
            new("target_modules", OptionKind.TextList, """["q_proj","v_proj"]""", null, null, [], "", true),
        ],
        new(0.008, 200, 8, new Dictionary<string, string> { ["learning_rate"] = "measured on the sample" }));

    public static MethodDto BitFit { get; } = new("BITFIT", "BitFit", MethodFamily.Specification, "", "", [], new(0.02, 200, 8, new Dictionary<string, string>()));

    public static RunDetail Detail(RunSummary run, Dictionary<string, JsonElement>? peft = null, Dictionary<string, JsonElement>? training = null) => new(
        run, new() { DatasetId = run.DatasetId, ModelId = run.ModelId, PeftType = run.PeftType, Peft = peft ?? [], Training = training ?? [] },
        "trainable params: 1", "peft train", "", new Dictionary<string, string>(), [], 10);

    public static JsonElement Json(object? value) => JsonSerializer.SerializeToElement(value);

    public static JsonElement Event(string json) => JsonSerializer.Deserialize<JsonElement>(json);

    public static RunPreview Preview(params DraftProblem[] problems) => new(
        "trainable params: 311,296 || all params: 8,200,448 || trainable%: 3.7961", 311_296, 8_200_448, 1_250_000, new(16_000_000, 1_250_000, 2_500_000, 90_000_000, 110_000_000, 8_000_000_000),
        90, "peft train --peft_type LORA", problems, new Dictionary<string, JsonElement>(),
        new Dictionary<string, JsonElement> { ["learning_rate"] = Json(0.008), ["max_steps"] = Json(200), ["per_device_train_batch_size"] = Json(8), ["seed"] = Json(42) });
}
