using Peft.Core.Methods;
using Peft.Core.Training.Optimizers;

namespace Peft.Core.Training;

/// <summary>Checks training arguments and reports everything that is wrong or doubtful together.</summary>
public static class TrainingArgumentsValidator
{
    /// <summary>Checks arguments.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="maxPositions">Longest sequence of the base, if it is known.</param>
    public static PeftValidation Validate(TrainingArguments arguments, int? maxPositions = null)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var found = new PeftValidation();
        void Positive(string field, int value) => Check(value >= 1, field, $"must be at least 1, but is {value}.");
        void NotNegative(string field, double value) => Check(value >= 0 && double.IsFinite(value), field, $"must be 0 or more, but is {value}.");
        void Check(bool holds, string field, string message)
        {
            if (!holds)
                found.Error(field, message);
        }

        Check(
            arguments.LearningRate > 0 && double.IsFinite(arguments.LearningRate),
            "learning_rate",
            $"must be a number above 0, but is {arguments.LearningRate}: nothing would be learnt. Try 0.0002 for LoRA on a large base.");
        if (arguments.LearningRate > 1)
            found.Warn("learning_rate", $"{arguments.LearningRate} is very large; training will most likely diverge.");
        Positive("per_device_train_batch_size", arguments.PerDeviceTrainBatchSize);
        Positive("per_device_eval_batch_size", arguments.PerDeviceEvalBatchSize);
        Positive("gradient_accumulation_steps", arguments.GradientAccumulationSteps);
        Positive("logging_steps", arguments.LoggingSteps);
        Positive("save_total_limit", arguments.SaveTotalLimit);
        Check(
            arguments.MaxSteps > 0 || (arguments.NumTrainEpochs > 0 && double.IsFinite(arguments.NumTrainEpochs)),
            "num_train_epochs",
            $"must be above 0 when max_steps is not set, but is {arguments.NumTrainEpochs}.");
        Check(arguments.MaxSteps is > 0 or -1, "max_steps", $"must be above 0, or -1 to train by epochs, but is {arguments.MaxSteps}.");
        Check(arguments.WarmupRatio is >= 0 and <= 1, "warmup_ratio", $"must be between 0 and 1, but is {arguments.WarmupRatio}.");
        NotNegative("warmup_steps", arguments.WarmupSteps);
        if (arguments.MaxSteps > 0 && arguments.WarmupSteps >= arguments.MaxSteps)
            found.Warn("warmup_steps", $"{arguments.WarmupSteps} of {arguments.MaxSteps} steps: the learning rate never reaches its peak.");
        Check(
            LearningRateSchedule.NamesWithoutOptions.Contains(arguments.LrSchedulerType),
            "lr_scheduler_type",
            $"'{arguments.LrSchedulerType}' is not known; known are {string.Join(", ", LearningRateSchedule.NamesWithoutOptions)}.");
        Check(arguments.LrMinRatio is >= 0 and <= 1, "lr_min_ratio", $"must be between 0 and 1, but is {arguments.LrMinRatio}.");
        NotNegative("weight_decay", arguments.WeightDecay);
        Check(arguments.LoraplusLrRatio is null or (> 0 and < 1000), "loraplus_lr_ratio", $"must be above 0 and below 1000, but is {arguments.LoraplusLrRatio}.");
        Check(AdamWOptions.Names.Contains(arguments.Optim), "optim", $"'{arguments.Optim}' is not known; known are {string.Join(", ", AdamWOptions.Names)}.");
        Check(arguments.AdamBeta1 is >= 0 and < 1, "adam_beta1", $"must be at least 0 and below 1, but is {arguments.AdamBeta1}.");
        Check(arguments.AdamBeta2 is >= 0 and < 1, "adam_beta2", $"must be at least 0 and below 1, but is {arguments.AdamBeta2}.");
        Check(arguments.AdamEpsilon > 0 && double.IsFinite(arguments.AdamEpsilon), "adam_epsilon", $"must be above 0, but is {arguments.AdamEpsilon}.");
        NotNegative("max_grad_norm", arguments.MaxGradNorm);
        NotNegative("eval_steps", arguments.EvalSteps);
        NotNegative("save_steps", arguments.SaveSteps);
        NotNegative("max_eval_samples", arguments.MaxEvalSamples);
        NotNegative("generation_samples", arguments.GenerationSamples);
        Check(arguments.LabelSmoothingFactor is >= 0 and < 1, "label_smoothing_factor", $"must be at least 0 and below 1, but is {arguments.LabelSmoothingFactor}.");
        NotNegative("doc_stride", arguments.DocStride);
        Positive("max_answer_length", arguments.MaxAnswerLength);
        Check(
            Tokenization.PromptTemplate.Formats.Contains(arguments.PromptFormat), "prompt_format",
            $"'{arguments.PromptFormat}' is not known; known are {string.Join(", ", Tokenization.PromptTemplate.Formats)}.");
        Check(arguments.MaxLength >= 8, "max_length", $"must be at least 8, but is {arguments.MaxLength}.");
        Check(
            maxPositions is null || arguments.MaxLength <= maxPositions,
            "max_length",
            $"{arguments.MaxLength} is more than the {maxPositions} positions that the base was made for.");
        return found;
    }
}
