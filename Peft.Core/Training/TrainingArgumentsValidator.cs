using Peft.Core.Methods;
using Peft.Core.Tokenization;
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
        foreach (var problem in Schedule(arguments))
            found.Error(problem.Field, problem.Message);
        Check(arguments.LrMinRatio is >= 0 and <= 1, "lr_min_ratio", $"must be between 0 and 1, but is {arguments.LrMinRatio}.");
        NotNegative("weight_decay", arguments.WeightDecay);
        Check(arguments.LoraplusLrRatio is null or (> 0 and < 1000), "loraplus_lr_ratio", $"must be above 0 and below 1000, but is {arguments.LoraplusLrRatio}.");
        if (OptimizerChoice.Problem(arguments.Optim, arguments.OptimArgs) is { } choice)
            found.Error(choice.Field, choice.Message);
        if (arguments.Optim == "lion_32bit" && arguments.LearningRate > 0.003)
            found.Warn("learning_rate", $"{arguments.LearningRate} is large for Lion, whose steps all have the same size: take a third to a tenth of AdamW's rate.");
        Check(arguments.AdamBeta1 is >= 0 and < 1, "adam_beta1", $"must be at least 0 and below 1, but is {arguments.AdamBeta1}.");
        Check(arguments.AdamBeta2 is >= 0 and < 1, "adam_beta2", $"must be at least 0 and below 1, but is {arguments.AdamBeta2}.");
        Check(arguments.AdamEpsilon > 0 && double.IsFinite(arguments.AdamEpsilon), "adam_epsilon", $"must be above 0, but is {arguments.AdamEpsilon}.");
        NotNegative("max_grad_norm", arguments.MaxGradNorm);
        NotNegative("eval_steps", arguments.EvalSteps);
        NotNegative("save_steps", arguments.SaveSteps);
        NotNegative("max_eval_samples", arguments.MaxEvalSamples);
        NotNegative("generation_samples", arguments.GenerationSamples);
        Check(arguments.LabelSmoothingFactor is >= 0 and < 1, "label_smoothing_factor", $"must be at least 0 and below 1, but is {arguments.LabelSmoothingFactor}.");
        foreach (var problem in Evaluations(arguments))
            found.Error(problem.Field, problem.Message);
        Check(arguments.NeftuneNoiseAlpha is null or (> 0 and < 1000), "neftune_noise_alpha", $"must be above 0 and below 1000, but is {arguments.NeftuneNoiseAlpha}; leave it empty for no noise.");
        NotNegative("early_stopping_patience", arguments.EarlyStoppingPatience);
        NotNegative("early_stopping_threshold", arguments.EarlyStoppingThreshold);
        NotNegative("max_generate_samples", arguments.MaxGenerateSamples);
        Positive("health_eval_patience", arguments.HealthEvalPatience);
        Check(arguments.HealthCutShare is >= 0 and <= 1, "health_cut_share", $"must be between 0 and 1, but is {arguments.HealthCutShare}.");
        foreach (var (field, value) in new[]
        {
            ("train_sampling_strategy", arguments.TrainSamplingStrategy), ("eval_strategy", arguments.EvalStrategy), ("save_strategy", arguments.SaveStrategy),
            ("eval_loss_weighting", arguments.EvalLossWeighting), ("report_to", arguments.ReportTo),
        })
        {
            var known = TrainingOption.All.Single(option => option.Name == field).Choices;
            Check(known.Contains(value), field, $"'{value}' is not known; known are {string.Join(", ", known)}.");
        }

        NotNegative("doc_stride", arguments.DocStride);
        Positive("max_answer_length", arguments.MaxAnswerLength);
        Check(PromptTemplate.Formats.Contains(arguments.PromptFormat), "prompt_format", $"'{arguments.PromptFormat}' is not known; known are {string.Join(", ", PromptTemplate.Formats)}.");
        Check(arguments.Streaming is "auto" or "on" or "off", "streaming", $"'{arguments.Streaming}' is not known; known are auto, on, off.");
        Check(!arguments.Packing || arguments.Streaming != "on", "packing", "cannot be used with streaming: which records fit one row is decided before training. Set streaming to off.");
        Check(arguments.MaxLength >= 8, "max_length", $"must be at least 8, but is {arguments.MaxLength}.");
        Check(
            maxPositions is null || arguments.MaxLength <= maxPositions,
            "max_length",
            $"{arguments.MaxLength} is more than the {maxPositions} positions that the base was made for.");
        return found;
    }

    /// <summary>The schedule with its options, and whether its steps are enough for it where they are known.</summary>
    private static IEnumerable<PeftProblem> Schedule(TrainingArguments arguments)
    {
        if (!LearningRateSchedule.TrainingNames.Contains(arguments.LrSchedulerType))
        {
            yield return new PeftProblem("lr_scheduler_type", $"'{arguments.LrSchedulerType}' is not known; known are {string.Join(", ", LearningRateSchedule.TrainingNames)}.");
            yield break;
        }

        var problems = ScheduleOptionsReader.Problems(arguments.LrSchedulerType, arguments.LrSchedulerKwargs).ToArray();
        foreach (var problem in problems)
            yield return problem;
        if (problems.Length == 0 && arguments.MaxSteps > 0 && Unfit(arguments) is { } unfit)
            yield return new PeftProblem("lr_scheduler_kwargs", unfit);
    }

    private static string? Unfit(TrainingArguments arguments)
    {
        try
        {
            LearningRates.Of(arguments, arguments.MaxSteps).At(0);
            return null;
        }
        catch (PeftException e)
        {
            return e.Message;
        }
    }

    /// <summary>What has to look at evaluations needs some before the end.</summary>
    private static IEnumerable<PeftProblem> Evaluations(TrainingArguments arguments)
    {
        if (arguments.EvalStrategy == "epoch" || (arguments.EvalStrategy == "steps" && arguments.EvalSteps > 0))
            yield break;
        if (arguments.LrSchedulerType == ScheduleOptionsReader.Plateau)
            yield return new PeftProblem("eval_steps", "reduce_lr_on_plateau looks at evaluations while training: set eval_steps above 0, or eval_strategy to epoch.");
        if (arguments.EarlyStoppingPatience > 0)
            yield return new PeftProblem("eval_steps", "early_stopping_patience looks at evaluations while training: set eval_steps above 0, or eval_strategy to epoch.");
        if (arguments.LoadBestModelAtEnd)
            yield return new PeftProblem("eval_steps", "load_best_model_at_end chooses between evaluations while training: set eval_steps above 0, or eval_strategy to epoch.");
    }
}
