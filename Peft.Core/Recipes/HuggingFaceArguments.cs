using System.Text.Json.Nodes;
using Peft.Core.Training;

namespace Peft.Core.Recipes;

/// <summary>Training arguments that transformers' <c>TrainingArguments</c> knows by the same names and meaning, those at its defaults left out.</summary>
internal static class HuggingFaceArguments
{
    /// <summary>Names that mean the same there, with their defaults there.</summary>
    private static readonly Dictionary<string, JsonNode?> s_same = new(StringComparer.Ordinal)
    {
        ["per_device_train_batch_size"] = 8, ["per_device_eval_batch_size"] = 8, ["gradient_accumulation_steps"] = 1, ["learning_rate"] = 5e-5, ["max_steps"] = -1,
        ["num_train_epochs"] = 3.0, ["warmup_ratio"] = 0.0, ["warmup_steps"] = 0, ["lr_scheduler_type"] = "linear", ["lr_scheduler_kwargs"] = new JsonObject(), ["weight_decay"] = 0.0,
        ["optim"] = "adamw_torch_fused", ["optim_args"] = "", ["adam_beta1"] = 0.9, ["adam_beta2"] = 0.999, ["adam_epsilon"] = 1e-8, ["max_grad_norm"] = 1.0,
        ["logging_steps"] = 500, ["logging_first_step"] = false, ["eval_strategy"] = "no", ["eval_steps"] = null, ["load_best_model_at_end"] = false,
        ["metric_for_best_model"] = "loss", ["greater_is_better"] = null, ["save_strategy"] = "steps", ["save_steps"] = 500, ["save_total_limit"] = null, ["seed"] = 42,
        ["group_by_length"] = false, ["dataloader_drop_last"] = false, ["label_smoothing_factor"] = 0.0, ["neftune_noise_alpha"] = null, ["gradient_checkpointing"] = false,
        ["report_to"] = "all",
    };

    public static JsonObject Of(TrainingArguments arguments)
    {
        var own = arguments.ToJson();

        // 0 steps means never here, and is refused there.
        if (arguments.EvalSteps == 0 && arguments.EvalStrategy == "steps")
            own["eval_strategy"] = "no";
        if (arguments.SaveSteps == 0 && arguments.SaveStrategy == "steps")
            own["save_strategy"] = "no";

        // There checkpoints have to fall on evaluations for the best one to be loaded.
        if (arguments.LoadBestModelAtEnd)
        {
            own["save_strategy"] = own["eval_strategy"]!.DeepClone();
            own["save_steps"] = own["eval_steps"]?.DeepClone();
        }

        if (own["optim"]!.GetValue<string>() == "lamb")
            throw new PeftException("transformers has no optimizer 'lamb'; choose another optim to export this run.");
        if (arguments.LrMinRatio > 0 && arguments.LrSchedulerType == "cosine")
        {
            own["lr_scheduler_type"] = "cosine_with_min_lr";
            own["lr_scheduler_kwargs"] = new JsonObject { ["min_lr_rate"] = arguments.LrMinRatio };
        }

        var written = new JsonObject();
        foreach (var (name, standard) in s_same)
        {
            var skipped = (name == "eval_steps" && own["eval_strategy"]!.GetValue<string>() != "steps") || (name == "save_steps" && own["save_strategy"]!.GetValue<string>() != "steps");
            if (!skipped && own[name] is { } value && !Same(value, standard))
                written[name] = value.DeepClone();
        }

        return written;
    }

    private static bool Same(JsonNode value, JsonNode? standard) =>
        value.GetValueKind() == System.Text.Json.JsonValueKind.Number && standard?.GetValueKind() == System.Text.Json.JsonValueKind.Number
            ? value.ToJsonString() == standard.ToJsonString() || double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture).Equals(double.Parse(standard.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture))
            : JsonNode.DeepEquals(value, standard);
}
