using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Runs;

namespace Peft.Core.Training;

/// <summary>
/// How a run trains, with the names of Hugging Face's <c>TrainingArguments</c> in JSON and on the command line. Values that are not given
/// take the defaults here.
/// </summary>
public sealed record TrainingArguments
{
    /// <summary>Examples of a micro-batch.</summary>
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Examples computed together when the dev loss is measured; does not change the result.</summary>
    public int PerDeviceEvalBatchSize { get; init; } = 16;

    /// <summary>Micro-batches of an optimizer step. Losses are weighted by tokens, so that splitting a batch changes nothing.</summary>
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Optimizer steps; when above 0 it wins over <see cref="NumTrainEpochs"/>.</summary>
    public int MaxSteps { get; init; } = -1;

    /// <summary>Passes over the training split.</summary>
    public double NumTrainEpochs { get; init; } = 3;

    /// <summary>Share of the steps in which the rate rises.</summary>
    public double WarmupRatio { get; init; }

    /// <summary>Steps in which the rate rises; when above 0 it wins over <see cref="WarmupRatio"/>.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>Shape of the learning rate, see <see cref="LearningRateSchedule.Names"/>.</summary>
    public string LrSchedulerType { get; init; } = "linear";

    /// <summary>Share of the peak at which linear and cosine end.</summary>
    public double LrMinRatio { get; init; }

    /// <summary>Decoupled weight decay; biases and norms are left out.</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// <c>adamw_torch</c>, <c>adamw_8bit</c> (moments in 8 bits), or one of the paged ones (<c>paged_adamw_32bit</c>, <c>paged_adamw_8bit</c>:
    /// moments beyond a budget lie in a file, same numbers).
    /// </summary>
    public string Optim { get; init; } = "adamw_torch";

    /// <summary>How much faster B of LoRA learns than A (LoRA+); null or 1 for equally fast.</summary>
    public double? LoraplusLrRatio { get; init; }

    /// <summary>AdamW's β1.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's β2.</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Largest L2 norm of the gradient; 0 clips nothing.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Every how many steps the loss is reported.</summary>
    public int LoggingSteps { get; init; } = 1;

    /// <summary>Every how many steps the dev loss is measured; 0 only at the end.</summary>
    public int EvalSteps { get; init; }

    /// <summary>Records of the dev split, from its beginning, whose loss is measured; 0 means all.</summary>
    public int MaxEvalSamples { get; init; } = 150;

    /// <summary>Dev records whose answer is generated and shown at every evaluation.</summary>
    public int GenerationSamples { get; init; } = 2;

    /// <summary>Every how many steps a checkpoint is written; 0 only when training ends or pauses.</summary>
    public int SaveSteps { get; init; } = 50;

    /// <summary>Checkpoints that are kept.</summary>
    public int SaveTotalLimit { get; init; } = 2;

    /// <summary>Seed of initial values, data order and dropout.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>Most tokens of a record, prompt and answer together.</summary>
    public int MaxLength { get; init; } = 512;

    /// <summary>What happens to longer records.</summary>
    public CutPolicy CutPolicy { get; init; } = CutPolicy.Error;

    /// <summary>Questions: tokens that neighbouring windows over a long text share.</summary>
    public int DocStride { get; init; } = 128;

    /// <summary>Questions: most tokens of an answer.</summary>
    public int MaxAnswerLength { get; init; } = 30;

    /// <summary>Puts records of similar length into one batch.</summary>
    public bool GroupByLength { get; init; }

    /// <summary><c>auto</c> (the base's chat template, plain where it has none), <c>chat</c>, <c>plain</c>, or the name of a built-in chat template.</summary>
    public string PromptFormat { get; init; } = "auto";

    /// <summary>Share of the probability that label smoothing spreads over all tokens.</summary>
    public double LabelSmoothingFactor { get; init; }

    /// <summary>Reads arguments; those that are unknown or of the wrong kind become problems.</summary>
    public static TrainingArguments FromJson(JsonObject json, out IReadOnlyList<PeftProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(json);
        var found = new List<PeftProblem>();
        var usable = new JsonObject();
        var names = Names();
        foreach (var (name, value) in json)
        {
            if (!names.TryGetValue(name, out var type))
                found.Add(new PeftProblem(name, $"is no training argument. Known: {string.Join(", ", names.Keys)}."));
            else if (value is not null && !Fits(value, type))
                found.Add(new PeftProblem(name, $"has an unusable value: {value.ToJsonString()}."));
            else if (value is not null)
                usable[name] = value.DeepClone();
        }

        problems = found;
        return usable.Deserialize<TrainingArguments>(RunRequest.Json)!;
    }

    /// <summary>The arguments as JSON with Hugging Face's names.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, RunRequest.Json)!.AsObject();

    /// <summary>Optimizer steps for a training split of a size.</summary>
    public int TotalSteps(int stepsPerEpoch) => MaxSteps > 0 ? MaxSteps : (int)Math.Ceiling(NumTrainEpochs * stepsPerEpoch);

    /// <summary>The optimizer's settings.</summary>
    public Optimizers.AdamWOptions AdamW() => new()
    {
        Beta1 = AdamBeta1,
        Beta2 = AdamBeta2,
        Epsilon = AdamEpsilon,
        WeightDecay = WeightDecay,
        RateOf = LoraplusLrRatio is { } ratio and not 1 ? Optimizers.AdamWOptions.LoraPlus(ratio, LearningRate) : null,
        StateBits = Optim.EndsWith("8bit", StringComparison.Ordinal) ? 8 : 32,
        PagedBudget = Optim.StartsWith("paged_", StringComparison.Ordinal) ? Optimizers.AdamWOptions.UsualPagedBudget : null,
    };

    private static Dictionary<string, Type> Names() => typeof(TrainingArguments).GetProperties()
        .Where(property => property.CanWrite)
        .ToDictionary(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name), property => property.PropertyType, StringComparer.Ordinal);

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
