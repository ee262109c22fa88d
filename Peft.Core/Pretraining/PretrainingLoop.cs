using System.Diagnostics;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Pretraining.Objectives;
using Peft.Core.Runs;
using Peft.Core.Training;
using Peft.Core.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Pretraining;

/// <summary>
/// The optimizer steps of a pretraining: rows in, weights changed. Which rows a step sees and what is hidden in them follows from the seed
/// and the number of the step alone, so a resumed run needs nothing else. It knows no files.
/// </summary>
internal sealed class PretrainingLoop : IDisposable
{
    private readonly BaseModel model;
    private readonly IReadOnlyList<int[]> rows;
    private readonly IObjective objective;
    private readonly PretrainingObjective kind;
    private readonly TrainingArguments arguments;
    private readonly BatchPlan plan;

    public PretrainingLoop(BaseModel model, PeftAdapter weights, IReadOnlyList<int[]> rows, IObjective objective, PretrainingObjective kind, TrainingArguments arguments, double tableRate = 1)
    {
        this.model = model;
        this.rows = rows;
        this.objective = objective;
        this.kind = kind;
        this.arguments = arguments;
        plan = new BatchPlan(
            [.. rows.Select(row => row.Length)], arguments.PerDeviceTrainBatchSize, arguments.GradientAccumulationSteps, arguments.Seed, groupByLength: true);
        TotalSteps = arguments.TotalSteps(plan.StepsPerEpoch);
        Rates = LearningRates.Of(arguments, TotalSteps);
        Optimizer = OptimizerChoice.Create(
            arguments,
            weights.Trainable,
            WeightDecayGroups.Of(model.Norms.Select(norm => norm.Path)),
            tableRate == 1 ? null : (parameter, rate) => IsTable(parameter.Name) ? rate * tableRate : rate);
    }

    public int TotalSteps { get; }

    public int Step { get; set; }

    public TrainingOptimizer Optimizer { get; }

    public LearningRates Rates { get; }

    /// <summary>Makes one optimizer step.</summary>
    /// <exception cref="PeftException">Loss or gradient are no numbers any more; the weights were not changed by this step.</exception>
    public StepReport TrainStep()
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        model.Training = true;
        var batches = plan.Step(Step).Select((members, i) => Batch(members.Select(row => rows[row]), Step, i)).ToArray();
        try
        {
            double wanted = batches.Sum(batch => batch.Count);
            var value = 0.0;
            foreach (var batch in batches)
            {
                using var micro = NewDisposeScope();
                var loss = F.cross_entropy(batch.Logits(model), batch.Targets, reduction: nn.Reduction.Sum) / wanted;
                loss.backward();
                value += loss.item<float>();
            }

            var rate = Rates.At(Step);
            var norm = Optimizer.GradientNorm();
            if (!double.IsFinite(value) || !double.IsFinite(norm))
            {
                Optimizer.ZeroGrad();
                throw new DivergenceException(Step + 1, value, norm);
            }

            Optimizer.Step(rate, TrainingOptimizer.ClipFactor(norm, arguments.MaxGradNorm));
            Step++;
            return new StepReport(Step, value, rate, norm, (double)Step / plan.StepsPerEpoch, batches.Sum(batch => batch.Tokens), clock.Elapsed.TotalSeconds);
        }
        finally
        {
            foreach (var batch in batches)
                batch.Dispose();
        }
    }

    /// <summary>Mean loss and share of tokens predicted rightly on held-out rows; what is hidden in them is the same every time.</summary>
    public (double Loss, double Accuracy) Measure(IReadOnlyList<int[]> heldOut)
    {
        using var gradOff = no_grad();
        model.Training = false;
        var (loss, right, count) = (0.0, 0L, 0L);
        foreach (var (members, i) in heldOut.OrderBy(row => row.Length).Chunk(arguments.PerDeviceEvalBatchSize).Select((members, i) => (members, i)))
        {
            using var scope = NewDisposeScope();
            using var batch = Batch(members, -1, i);
            if (batch.Count == 0)
                continue;
            var logits = batch.Logits(model);
            loss += F.cross_entropy(logits, batch.Targets, reduction: nn.Reduction.Sum).item<float>();
            right += logits.argmax(-1).eq(batch.Targets).sum().item<long>();
            count += batch.Count;
        }

        return (loss / Math.Max(1, count), (double)right / Math.Max(1, count));
    }

    /// <inheritdoc />
    public void Dispose() => Optimizer.Dispose();

    /// <summary>Whether a weight has a row for every token.</summary>
    private bool IsTable(string name) => name == model.Config.EmbeddingPath + ".weight" || name == model.Config.HeadPath + ".weight";

    private PretrainingBatch Batch(IEnumerable<int[]> members, int step, int part)
    {
        var random = new Random(unchecked((((arguments.Seed * 31) + step) * 1_000_003) + part));
        return new PretrainingBatch([.. members.Select(row => objective.Make(row, random))], kind, model.Config.PadTokenId ?? 0, model.Device);
    }
}
