using System.Text.Json.Nodes;
using Peft.Core.Training;

namespace Peft.Core.Pretraining;

/// <summary>Settings that suit the making of a small base; the same on the command line and in the form.</summary>
public static class PretrainingDefaults
{
    /// <summary>How it trains.</summary>
    public static TrainingArguments Arguments => new()
    {
        PerDeviceTrainBatchSize = 16,
        PerDeviceEvalBatchSize = 32,
        LearningRate = 1e-3,
        MaxSteps = 1000,
        WarmupRatio = 0.05,
        WeightDecay = 0.01,
        AdamBeta2 = 0.98,
        LoggingSteps = 10,
        EvalSteps = 100,
        SaveSteps = 100,
        GenerationSamples = 0,
        MaxLength = 256,
        GroupByLength = true,
    };

    /// <summary>What stands as the method in the order: every weight trains.</summary>
    public static JsonObject Method => new() { ["peft_type"] = "FULL" };
}
