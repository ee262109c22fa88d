using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Runs;
using static Peft.Core.Training.TrainingOptionGroup;

namespace Peft.Core.Training;

/// <summary>
/// How a run trains, with the names of Hugging Face's <c>TrainingArguments</c> in JSON and on the command line. Values that are not given
/// take the defaults here.
/// </summary>
public sealed partial record TrainingArguments
{
    /// <summary>Examples of a micro-batch.</summary>
    [TrainingOption(Course, "Records computed side by side.")]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Examples computed together when the dev loss is measured; does not change the result.</summary>
    [TrainingOption(Measuring, "Records computed side by side when the dev loss is measured.")]
    public int PerDeviceEvalBatchSize { get; init; } = 16;

    /// <summary>Micro-batches of an optimizer step. Losses are weighted by tokens, so that splitting a batch changes nothing.</summary>
    [TrainingOption(Course, "Batches whose gradients are summed before the weights change: as a larger batch, in less memory.")]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Peak learning rate.</summary>
    [TrainingOption(Course, "How far weights move in a step: too small learns nothing, too large destroys.")]
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Optimizer steps; when above 0 it wins over <see cref="NumTrainEpochs"/>.</summary>
    [TrainingOption(Course, "Changes of the weights; -1 trains by epochs instead.")]
    public int MaxSteps { get; init; } = -1;

    /// <summary>Passes over the training split.</summary>
    [TrainingOption(Course, "Passes over the training records, where no steps are given.")]
    public double NumTrainEpochs { get; init; } = 3;

    /// <summary>Share of the steps in which the rate rises.</summary>
    [TrainingOption(Course, "Share of the steps in which the learning rate rises from 0.")]
    public double WarmupRatio { get; init; }

    /// <summary>Steps in which the rate rises; when above 0 it wins over <see cref="WarmupRatio"/>.</summary>
    [TrainingOption(Course, "Steps in which the learning rate rises from 0; wins over the share.")]
    public int WarmupSteps { get; init; }

    /// <summary>Shape of the learning rate, see <see cref="LearningRateSchedule.TrainingNames"/>.</summary>
    [TrainingOption(Course, "How the learning rate goes on behind the warm-up.")]
    public string LrSchedulerType { get; init; } = "linear";

    /// <summary>Options of the schedule under Hugging Face's names, e.g. <c>num_cycles</c>, <c>power</c>, <c>patience</c>.</summary>
    [TrainingOption(Course, "Options of the schedule as JSON, for example {\"num_cycles\": 2} or {\"patience\": 3}.")]
    public JsonObject LrSchedulerKwargs { get; init; } = [];

    /// <summary>Share of the peak at which linear and cosine end.</summary>
    [TrainingOption(Course, "Share of the peak at which linear and cosine end.")]
    public double LrMinRatio { get; init; }

    /// <summary>Weight decay; biases and norms are left out.</summary>
    [TrainingOption(Regularisation, "Pulls weights towards zero; biases and norms are spared.")]
    public double WeightDecay { get; init; }

    /// <summary>One of <see cref="Optimizers.OptimizerChoice.Names"/>.</summary>
    [TrainingOption(Optimizer, "What changes the weights. adamw_torch suits nearly everything; 8bit, adafactor, sgd and lion need less memory.")]
    public string Optim { get; init; } = "adamw_torch";

    /// <summary>Options of the optimizer, <c>name=value</c> separated by commas, e.g. <c>momentum=0.9</c> for sgd.</summary>
    [TrainingOption(Optimizer, "Options of the optimizer, for example momentum=0.9 for sgd.")]
    public string OptimArgs { get; init; } = "";

    /// <summary>How much faster B of LoRA learns than A (LoRA+); null or 1 for equally fast.</summary>
    [TrainingOption(Optimizer, "How much faster B of LoRA learns than A (LoRA+): 4 to 16; empty for equally fast.")]
    public double? LoraplusLrRatio { get; init; }

    /// <summary>AdamW's β1.</summary>
    [TrainingOption(Optimizer, "Memory of the gradient's mean, β1.")]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's β2.</summary>
    [TrainingOption(Optimizer, "Memory of the gradient's square, β2.")]
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    [TrainingOption(Optimizer, "Keeps the division by the gradient's size finite, ε.")]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Largest L2 norm of the gradient; 0 clips nothing.</summary>
    [TrainingOption(Regularisation, "Longer gradients are shortened to this length; 0 shortens none.")]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Every how many steps the loss is reported.</summary>
    [TrainingOption(Watching, "Every how many steps the loss is written down.")]
    public int LoggingSteps { get; init; } = 1;

    /// <summary>Whether the first step is reported, too.</summary>
    [TrainingOption(Watching, "Writes down the first step, too.")]
    public bool LoggingFirstStep { get; init; } = true;

    /// <summary><c>steps</c> (every <see cref="EvalSteps"/>), <c>epoch</c>, or <c>no</c>: only at the end.</summary>
    [TrainingOption(Measuring, "When the dev records are measured: every so many steps, after every epoch, or only at the end.", Choices = "steps epoch no")]
    public string EvalStrategy { get; init; } = "steps";

    /// <summary>Every how many steps the dev loss is measured; 0 only at the end.</summary>
    [TrainingOption(Measuring, "Every how many steps the dev records are measured; 0 only at the end.")]
    public int EvalSteps { get; init; }

    /// <summary>Records of the dev split, from its beginning, whose loss is measured; 0 means all.</summary>
    [TrainingOption(Measuring, "Dev records that are measured; 0 means all.")]
    public int MaxEvalSamples { get; init; } = 150;

    /// <summary><c>tokens</c>: every label weighs the same. <c>rows</c>: the mean of batches by records, as Hugging Face's Trainer reports it.</summary>
    [TrainingOption(Measuring, "What weighs the same in the dev loss: every label token, or every record of a batch as Hugging Face's Trainer has it.", Choices = "tokens rows")]
    public string EvalLossWeighting { get; init; } = "tokens";

    /// <summary>Dev records whose answer is generated and shown at every evaluation.</summary>
    [TrainingOption(Measuring, "Dev records whose answer is written out at every evaluation, to look at.")]
    public int GenerationSamples { get; init; } = 2;

    /// <summary>Whether evaluations write and score answers of <see cref="MaxGenerateSamples"/> dev records, where the task writes.</summary>
    [TrainingOption(Measuring, "Lets the model write answers to dev records at every evaluation and scores them: takes time.")]
    public bool PredictWithGenerate { get; init; }

    /// <summary>Dev records that <see cref="PredictWithGenerate"/> scores; 0 means all that are measured.</summary>
    [TrainingOption(Measuring, "Dev records whose written answers are scored; 0 means all that are measured.")]
    public int MaxGenerateSamples { get; init; } = 32;

    /// <summary>Whether the result is that of the best evaluation instead of the last step.</summary>
    [TrainingOption(Measuring, "Takes the weights of the best evaluation as the result instead of the last ones.")]
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>What the best evaluation is judged by: <c>loss</c>, or a score of the task.</summary>
    [TrainingOption(Measuring, "What the best evaluation is judged by: loss, or a score such as f1 or accuracy.")]
    public string MetricForBestModel { get; init; } = "loss";

    /// <summary>Whether more is better; null knows it by the name.</summary>
    [TrainingOption(Measuring, "Whether more of it is better; empty knows it by the name.")]
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Evaluations without progress after which training ends; 0 never.</summary>
    [TrainingOption(Measuring, "Ends training after so many evaluations without progress; 0 never does.")]
    public int EarlyStoppingPatience { get; init; }

    /// <summary>What counts as progress: a difference above this.</summary>
    [TrainingOption(Measuring, "Smaller differences do not count as progress.")]
    public double EarlyStoppingThreshold { get; init; }

    /// <summary><c>steps</c> (every <see cref="SaveSteps"/>), <c>epoch</c>, or <c>no</c>: only when training ends or pauses.</summary>
    [TrainingOption(Watching, "When checkpoints are written: every so many steps, after every epoch, or only when training ends or pauses.", Choices = "steps epoch no")]
    public string SaveStrategy { get; init; } = "steps";

    /// <summary>Every how many steps a checkpoint is written; 0 only when training ends or pauses.</summary>
    [TrainingOption(Watching, "Every how many steps a checkpoint is written; 0 only when training ends or pauses.")]
    public int SaveSteps { get; init; } = 50;

    /// <summary>Checkpoints that are kept, beside the best one where the best is asked for.</summary>
    [TrainingOption(Watching, "Checkpoints that are kept; older ones are removed.")]
    public int SaveTotalLimit { get; init; } = 2;

    /// <summary>Seed of initial values, data order and dropout.</summary>
    [TrainingOption(Course, "Start of every chance: first values, order of the data, dropout.")]
    public int Seed { get; init; } = 42;

    /// <summary>Most tokens of a record, prompt and answer together.</summary>
    [TrainingOption(Records, "Most tokens of a record, prompt and answer together.")]
    public int MaxLength { get; init; } = 512;

    /// <summary>What happens to longer records.</summary>
    [TrainingOption(Records, "What happens to longer records.")]
    public CutPolicy CutPolicy { get; init; } = CutPolicy.Error;

    /// <summary>Questions: tokens that neighbouring windows over a long text share.</summary>
    [TrainingOption(Records, "Questions: tokens that neighbouring windows over a long text share.")]
    public int DocStride { get; init; } = 128;

    /// <summary>Questions: most tokens of an answer.</summary>
    [TrainingOption(Records, "Questions: most tokens of an answer.")]
    public int MaxAnswerLength { get; init; } = 30;

    /// <summary>Puts records of similar length into one batch.</summary>
    [TrainingOption(Records, "Puts records of similar length into one batch, which leaves less padding to compute.")]
    public bool GroupByLength { get; init; }

    /// <summary><c>random</c> (a new order every epoch, from the seed) or <c>sequential</c> (as the records stand).</summary>
    [TrainingOption(Records, "Order of the records: shuffled anew every epoch, or as they stand.", Choices = "random sequential")]
    public string TrainSamplingStrategy { get; init; } = "random";

    /// <summary>Whether the last batch of an epoch is left out when it is not full.</summary>
    [TrainingOption(Records, "Leaves out the last batch of an epoch when it is not full.")]
    public bool DataloaderDropLast { get; init; }

    /// <summary><c>auto</c> (the base's chat template, plain where it has none), <c>chat</c>, <c>plain</c>, or the name of an instruction form or a built-in chat template.</summary>
    [TrainingOption(Records, "How a record becomes a prompt: the base's chat template, or plain text; auto takes the template where there is one.")]
    public string PromptFormat { get; init; } = "auto";

    /// <summary>Share of the probability that label smoothing spreads over all tokens.</summary>
    [TrainingOption(Regularisation, "Share of the probability that is spread over all answers, against overconfidence.")]
    public double LabelSmoothingFactor { get; init; }

    /// <summary>α of NEFTune's noise on the embeddings while training (https://arxiv.org/abs/2310.05914); null for none.</summary>
    [TrainingOption(Regularisation, "Noise on the embeddings while training (NEFTune): 5 is usual; empty for none.")]
    public double? NeftuneNoiseAlpha { get; init; }

    /// <summary>Whether layers are computed again for the gradient instead of keeping what they made.</summary>
    [TrainingOption(Memory, "Computes every layer again for the gradient instead of keeping its values: much less memory, about a third slower.")]
    public bool GradientCheckpointing { get; init; }

    /// <summary>Whether rules watch the run and report what looks wrong.</summary>
    [TrainingOption(Watching, "Watches the run and reports what looks wrong: diverging, nothing learnt, learning by heart, a slow machine.")]
    public bool HealthChecks { get; init; } = true;

    /// <summary>Whether the run pauses at its last good checkpoint when a rule finds it lost.</summary>
    [TrainingOption(Watching, "Pauses at the last good checkpoint when the run looks lost, instead of going on or failing.")]
    public bool PauseOnProblem { get; init; }

    /// <summary>Evaluations with a rising loss, one after another, that are reported.</summary>
    [TrainingOption(Watching, "Reports when the dev loss rises so many evaluations in a row.")]
    public int HealthEvalPatience { get; init; } = 3;

    /// <summary>Share of cut records above which that is reported as a problem.</summary>
    [TrainingOption(Watching, "Reports when more than this share of the training records was cut or left out.")]
    public double HealthCutShare { get; init; } = 0.05;

    /// <summary><c>tensorboard</c> (event files in the run directory) or <c>none</c>.</summary>
    [TrainingOption(Watching, "Writes event files for TensorBoard into the run directory.", Choices = "tensorboard none")]
    public string ReportTo { get; init; } = "tensorboard";

    /// <summary>Reads arguments; those that are unknown or of the wrong kind become problems.</summary>
    public static TrainingArguments FromJson(JsonObject json, out IReadOnlyList<PeftProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(json);
        var found = new List<PeftProblem>();
        var usable = new JsonObject();
        var types = TrainingOption.All.ToDictionary(option => option.Name, option => option.Type, StringComparer.Ordinal);
        foreach (var (name, value) in json)
        {
            if (!types.TryGetValue(name, out var type))
                found.Add(new PeftProblem(name, $"is no training argument. Known: {string.Join(", ", types.Keys)}."));
            else if (value is not null && !Fits(value, type))
                found.Add(new PeftProblem(name, $"has an unusable value: {value.ToJsonString()}."));
            else if (value is not null)
                usable[name] = value.DeepClone();
        }

        problems = found;
        return usable.Deserialize<TrainingArguments>(RunRequest.Json)!;
    }

    /// <summary>The arguments as JSON with Hugging Face's names; those without a value are left out.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, RunRequest.Json)!.AsObject();

    /// <summary>Optimizer steps for a training split of a size.</summary>
    public int TotalSteps(int stepsPerEpoch) => MaxSteps > 0 ? MaxSteps : (int)Math.Ceiling(NumTrainEpochs * stepsPerEpoch);

    /// <summary>Passes over the training split that are begun.</summary>
    public int Epochs(int stepsPerEpoch) => MaxSteps > 0 ? (MaxSteps + stepsPerEpoch - 1) / stepsPerEpoch : (int)Math.Ceiling(NumTrainEpochs);

    private static bool Fits(JsonNode value, Type type)
    {
        try
        {
            return value.Deserialize(type, RunRequest.Json) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
