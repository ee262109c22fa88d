using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Training;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

/// <summary>
/// What a run trains with where the person says nothing: one table for every method. The numbers of LoRA, AdaLoRA,
/// prefix-tuning, BitFit, IA3 and full tuning are those of the reference results that come with the samples
/// (<c>samples/reference-results.json</c>); those of other methods follow from how they start, and have not been tuned.
/// </summary>
public static class TrainingDefaults
{
    /// <summary>The baseline: the base model as it is.</summary>
    public const string Baseline = "NONE";

    private const int Steps = 200;
    private const int BatchSize = 8;

    private static readonly Dictionary<string, Row> s_rows = new(StringComparer.Ordinal)
    {
        ["LORA"] = new(
            0.008, "A change of low rank starts at zero and needs a high rate; 0.008 was tried on the sample base and is steady. Full tuning would diverge with it.",
            new() { ["lora_alpha"] = 16, ["target_modules"] = "all-linear" },
            new() { ["lora_alpha"] = "Twice the rank.", ["target_modules"] = "Every linear layer: copying from a passage needs attention and feed-forward layers." }),
        ["VERA"] = new(
            0.02, "Only scaling vectors train; the paper takes rates above LoRA's, 0.004 to 0.02. Not tuned on the sample base.",
            new() { ["r"] = 64, ["target_modules"] = "all-linear" },
            new() { ["r"] = "The shared matrices are frozen, so rank costs little to train.", ["target_modules"] = "Every linear layer: vectors are few." }),
        ["LOHA"] = new(
            0.004, "The change is a product of products, so half of LoRA's rate. Not tuned on the sample base.",
            new() { ["alpha"] = 16, ["target_modules"] = "all-linear" },
            new() { ["alpha"] = "Twice the rank.", ["target_modules"] = "Every linear layer: copying from a passage needs attention and feed-forward layers." }),
        ["LOKR"] = new(
            0.008, "Starts at zero as LoRA does and takes its rate. Not tuned on the sample base.",
            new() { ["alpha"] = 16, ["target_modules"] = "all-linear" },
            new() { ["alpha"] = "Twice the rank.", ["target_modules"] = "Every linear layer: copying from a passage needs attention and feed-forward layers." }),
        ["OFT"] = new(
            0.002, "Rotations act on every input at once: a rate below LoRA's keeps them small, where the series is exact. Not tuned on the sample base.",
            new() { ["target_modules"] = "all-linear" },
            new() { ["target_modules"] = "Every linear layer: copying from a passage needs attention and feed-forward layers." }),
        ["BOFT"] = new(
            0.002, "Rotations act on every input at once: a rate below LoRA's keeps them small. Not tuned on the sample base.",
            new() { ["target_modules"] = "all-linear" },
            new() { ["target_modules"] = "Every linear layer: copying from a passage needs attention and feed-forward layers." }),
        ["PREFIX_TUNING"] = new(
            0.005, "The projecting network passes the gradient on to all layers, so a smaller rate is enough; without it 0.03 is needed.",
            new() { ["num_virtual_tokens"] = 20, ["prefix_projection"] = true, ["encoder_hidden_size"] = 256 },
            new()
            {
                ["prefix_projection"] = "On the sample task it doubles the F1 that the same steps reach.",
                ["encoder_hidden_size"] = "The width of the sample base.",
            }),
        ["BITFIT"] = new(0.02, "Biases are few and start where they are: a rate above that of full tuning by an order of magnitude is needed.", [], []),
        ["ADALORA"] = new(
            0.02, "The change is divided by the rank as well, so the rate is higher than LoRA's; with 0.02 the reference reached F1 0.69 on the sample.",
            new() { ["lora_alpha"] = 16, ["target_modules"] = "all-linear" },
            new() { ["init_r"] = "The budget of ranks starts half as large again as it ends." }),
        ["PROMPT_TUNING"] = new(
            0.03, "A few vectors have to steer the whole base, so a high rate is needed.",
            new() { ["prompt_tuning_init"] = "SAMPLE_VOCAB" },
            new() { ["prompt_tuning_init"] = "Embeddings of tokens are a better start than random numbers, whose spread is far from theirs." }),
        ["MULTITASK_PROMPT_TUNING"] = new(0.03, "A few vectors have to steer the whole base, so a high rate is needed.", [],
            new() { ["num_virtual_tokens"] = "Twenty are enough for one task; more take room from the text." }),
        ["P_TUNING"] = new(0.005, "The network passes the gradient on to all vectors, so a smaller rate is enough.", [],
            new() { ["num_virtual_tokens"] = "Twenty are enough for one task; more take room from the text.", ["encoder_reparameterization_type"] = "The reference library starts with it, and it is faster than the LSTM." }),
        ["ADAPTION_PROMPT"] = new(0.01, "The gate starts closed and has to open: a high rate.", [],
            new() { ["adapter_len"] = "Ten vectors, as in the paper.", ["adapter_layers"] = "The last layers are nearest to the answer, and every base has two." }),
        ["IA3"] = new(0.05, "Factors start at one and few numbers train: a very high rate. With 0.05 the reference reached F1 0.40 on the sample.", [],
            new() { ["target_modules"] = "The paper found these three places enough." }),
        ["HOULSBY"] = Bottleneck(),
        ["PFEIFFER"] = Bottleneck(),
        ["BOTTLENECK"] = Bottleneck(),
        ["LN_TUNING"] = new(0.01, "Norms are few and start where they are: a rate above that of full tuning by an order of magnitude.", [],
            new() { ["target_modules"] = "All norms of the base: few numbers, so there is nothing to save by choosing." }),
        ["PROBE"] = new(0.001, "One layer trains and nothing else moves.", [], []),
        ["FULL"] = new(0.001, "Every weight moves, so small steps; the usual rate of such small models.", [], []),
    };

    /// <summary>Learning rate of a prefix without the projecting network.</summary>
    public const double PlainPrefixLearningRate = 0.03;

    /// <summary>What the form shows beside the fields.</summary>
    public static TrainingPreset Preset(string peftType)
    {
        if (peftType == Baseline)
            return new TrainingPreset(0, 0, BatchSize, new Dictionary<string, string>());
        var row = Find(peftType);
        var reasons = new Dictionary<string, string>(row.OptionReasons)
        {
            ["learning_rate"] = row.RateReason,
            ["max_steps"] = "1,600 records seen: enough to see which method learns the task, few enough to wait for.",
            ["per_device_train_batch_size"] = "Eight records keep two cores busy without needing much memory.",
            ["group_by_length"] = "Records of similar length in one batch leave less padding to compute; the reference results were reached this way, too.",
        };
        return new TrainingPreset(row.LearningRate, Steps, BatchSize, reasons);
    }

    /// <summary>Options that differ from the method's own defaults.</summary>
    public static JsonObject Options(string peftType) =>
        peftType == Baseline ? [] : (JsonObject)Find(peftType).Options.DeepClone();

    /// <summary>Training arguments for a method whose options are known; the person's own go over them.</summary>
    /// <param name="peftType">The method.</param>
    /// <param name="options">Its complete options.</param>
    /// <param name="maxSteps">Steps that the person asked for, where they did: the warm-up follows them.</param>
    /// <param name="maxPositions">Longest text of the base.</param>
    public static TrainingArguments Arguments(string peftType, JsonObject options, int? maxSteps, int maxPositions)
    {
        ArgumentNullException.ThrowIfNull(options);
        var length = Math.Min(new TrainingArguments().MaxLength, maxPositions);
        if (peftType == Baseline)
            return new TrainingArguments { MaxLength = length, PerDeviceTrainBatchSize = BatchSize };
        var plainPrefix = peftType == "PREFIX_TUNING" && options["prefix_projection"] is JsonValue flag && flag.TryGetValue<bool>(out var on) && !on;
        var steps = maxSteps ?? Steps;
        return new TrainingArguments
        {
            LearningRate = plainPrefix ? PlainPrefixLearningRate : Find(peftType).LearningRate,
            MaxSteps = steps,
            PerDeviceTrainBatchSize = BatchSize,
            WarmupSteps = steps > 0 ? Warmup(steps) : 0,
            WarmupRatio = steps > 0 ? 0 : 0.05,
            LrMinRatio = 0.05,
            EvalSteps = 50,
            MaxLength = length,
            GroupByLength = true,
        };
    }

    /// <summary>Five percent of the steps, at least five.</summary>
    public static int Warmup(int steps) => Math.Max(5, (int)Math.Ceiling(steps * 0.05));

    private static Row Find(string peftType) => s_rows.TryGetValue(peftType, out var row)
        ? row
        : throw new Peft.Core.PeftException(string.Create(CultureInfo.InvariantCulture, $"peft_type '{peftType}' is not known; known are {string.Join(", ", s_rows.Keys)} and {Baseline}."));

    private static Row Bottleneck() => new(
        0.002, "New networks with small weights: a rate between full tuning's and LoRA's.",
        new() { ["reduction_factor"] = 4 },
        new() { ["reduction_factor"] = "The sample base is narrow: a quarter of its width." });

    private sealed record Row(double LearningRate, string RateReason, JsonObject Options, Dictionary<string, string> OptionReasons);
}
