using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.MultitaskPrompt;

/// <summary>
/// Settings of multitask prompt tuning: one prompt that all tasks share, multiplied element by element by a small matrix of low rank per
/// task. A prompt learned from several source tasks is a good start for another one. https://arxiv.org/abs/2303.02861. Field names and
/// defaults are PEFT's.
/// </summary>
public sealed record MultitaskPromptConfig : SoftPromptConfig
{
    /// <summary>Ways to start.</summary>
    internal static readonly IReadOnlyList<string> Starts = ["RANDOM", "TEXT", "AVERAGE_SOURCE_TASKS", "EXACT_SOURCE_TASK", "ONLY_SOURCE_SHARED"];

    /// <inheritdoc />
    public override string PeftType => "MULTITASK_PROMPT_TUNING";

    /// <summary>
    /// How the prompt starts: <c>RANDOM</c>, <c>TEXT</c>, or from a learned one: with the mean of its tasks, with one of them, or its shared
    /// part alone. Default RANDOM.
    /// </summary>
    public string PromptTuningInit { get; init; } = "RANDOM";

    /// <summary>The text to start from; repeated or cut to the number of virtual tokens.</summary>
    public string? PromptTuningInitText { get; init; }

    /// <summary>Weights file of the learned prompt to start from.</summary>
    public string? PromptTuningInitStateDictPath { get; init; }

    /// <summary>Number of the task of that prompt to start from. Default 0.</summary>
    public int PromptTuningInitTask { get; init; }

    /// <summary>Rank of a task's matrix. Default 1.</summary>
    public int NumRanks { get; init; } = 1;

    /// <summary>Tasks. Default 1.</summary>
    public int NumTasks { get; init; } = 1;

    /// <summary>Tokenizer that PEFT reads the text with; recorded only, the engine reads it with the base's own.</summary>
    public string? TokenizerNameOrPath { get; init; }

    /// <summary>Whether the start is a learned prompt.</summary>
    internal bool HasSource => PromptTuningInit is not ("RANDOM" or "TEXT");

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static MultitaskPromptConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithPrompt(
            new MultitaskPromptConfig
            {
                PromptTuningInit = reader.Text("prompt_tuning_init") ?? "RANDOM",
                PromptTuningInitText = reader.Text("prompt_tuning_init_text"),
                PromptTuningInitStateDictPath = reader.Text("prompt_tuning_init_state_dict_path"),
                PromptTuningInitTask = reader.Whole("prompt_tuning_init_task") ?? 0,
                NumRanks = reader.Whole("num_ranks") ?? 1,
                NumTasks = reader.Whole("num_tasks") ?? 1,
                TokenizerNameOrPath = reader.Text("tokenizer_name_or_path"),
            },
            reader);
    }

    /// <inheritdoc />
    protected override IEnumerable<TrainableShape> PromptShapes(ModelConfig model) =>
    [
        new(MultitaskPromptAdapter.ColumnsName, [NumTasks, TableRows, NumRanks], InBase: false),
        new(MultitaskPromptAdapter.RowsName, [NumTasks, NumRanks, Width(model)], InBase: false),
        new(MultitaskPromptAdapter.SharedName, [TableRows, Width(model)], InBase: false),
    ];

    /// <inheritdoc />
    protected override void ValidateOwn(ModelConfig model, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(result);
        if (!Starts.Contains(PromptTuningInit))
            result.Error("prompt_tuning_init", $"'{PromptTuningInit}' is not known; known are {string.Join(", ", Starts)}.");
        if (PromptTuningInit == "TEXT" && string.IsNullOrWhiteSpace(PromptTuningInitText))
            result.Error("prompt_tuning_init_text", "starting from a text needs one: write what the task is.");
        if (HasSource && Starts.Contains(PromptTuningInit) && string.IsNullOrWhiteSpace(PromptTuningInitStateDictPath))
            result.Error("prompt_tuning_init_state_dict_path", "starting from a learned prompt needs its weights file.");
        CheckSize("num_ranks", NumRanks, result);
        CheckSize("num_tasks", NumTasks, result);
        if (PromptTuningInit is ("AVERAGE_SOURCE_TASKS" or "EXACT_SOURCE_TASK") && NumTasks != 1)
            result.Error("num_tasks", $"must be 1 when the prompt starts from learned tasks, but is {NumTasks}.");
        if (PromptTuningInitTask < 0)
            result.Error("prompt_tuning_init_task", $"must be 0 or more, but is {PromptTuningInitTask}.");
        if (NumTasks > 1)
            result.Warn("num_tasks", "records carry no number of a task: all of them are learned as task 0.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        base.WriteFields(fields);
        fields["num_ranks"] = NumRanks;
        fields["num_tasks"] = NumTasks;
        fields["prompt_tuning_init"] = PromptTuningInit;
        fields["prompt_tuning_init_state_dict_path"] = PromptTuningInitStateDictPath;
        fields["prompt_tuning_init_task"] = PromptTuningInitTask;
        fields["prompt_tuning_init_text"] = PromptTuningInitText;
        fields["tokenizer_kwargs"] = null;
        fields["tokenizer_name_or_path"] = TokenizerNameOrPath;
    }
}
