using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Storage;

namespace Workbench.Server.Planning;

/// <summary>A draft looked at from all sides: what it refers to, what it amounts to, and everything that is wrong with it.</summary>
public sealed record RunPlan
{
    public required RunDraft Draft { get; init; }

    public required ResolvedDraft Resolved { get; init; }

    public required TrainingArguments Arguments { get; init; }

    public required IReadOnlyList<DraftProblem> Problems { get; init; }

    /// <summary>What is learned, by PEFT's name.</summary>
    public string TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>What this dataset can teach this base, the usual task first.</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <summary>Null when there is no such dataset.</summary>
    public DatasetEntity? Dataset { get; init; }

    /// <summary>Datasets that are mixed in, with their weights; those that do not exist are problems.</summary>
    public IReadOnlyList<(DatasetEntity Dataset, double Weight)> Mix { get; init; } = [];

    /// <summary>Null when there is no such model.</summary>
    public ModelEntity? Model { get; init; }

    /// <summary>Null when the model's folder cannot be read.</summary>
    public ModelConfig? Config { get; init; }

    /// <summary>The method's settings; null for the baseline, or when they cannot be read.</summary>
    public PeftConfig? Peft { get; init; }

    /// <summary>What trains; empty for the baseline and for unusable settings.</summary>
    public IReadOnlyList<TrainableShape> Trained { get; init; } = [];

    public bool IsBaseline => Draft.PeftType == Methods.TrainingDefaults.Baseline;

    public bool CanStart => Problems.All(problem => problem.Severity != "error");

    /// <summary>Element type of the frozen weights that <c>auto</c> comes down to.</summary>
    public int WeightBytes => Draft.Dtype switch
    {
        "float32" => 4,
        "bfloat16" => 2,
        _ when Peft is not null && PeftMethodRegistry.Find(Peft.PeftType).NeedsFloat32Base => 4,
        _ => Draft.Device == "cpu" && !TorchRuntime.CpuBFloat16IsFast ? 4 : 2,
    };

    /// <summary>Optimizer steps; 0 for the baseline.</summary>
    public int Steps => IsBaseline || Dataset is null ? 0
        : Arguments.TotalSteps(Math.Max(1, (int)Math.Ceiling((Dataset.Train + Mix.Sum(other => other.Dataset.Train)) / (double)Math.Max(1, Arguments.PerDeviceTrainBatchSize * Arguments.GradientAccumulationSteps))));

    /// <summary>Test records that will be scored.</summary>
    public int TestRecords => Dataset is null ? 0 : Math.Min(Dataset.Test, Draft.TestRecords ?? Dataset.Test);
}
