using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>What the micro-batches of one optimizer step have together.</summary>
/// <param name="Batches">Micro-batches.</param>
/// <param name="Items">What carries loss in all of them: tokens with labels, or texts.</param>
/// <param name="LabelSmoothing">ε of label smoothing.</param>
public readonly record struct LossGroup(int Batches, double Items, double LabelSmoothing);

/// <summary>The examples of a split as ids, ready to be put side by side.</summary>
public abstract class TaskSplit
{
    /// <summary>Tokens of every example, in the order of the examples.</summary>
    public abstract IReadOnlyList<int> Lengths { get; }

    /// <summary>Number of examples.</summary>
    public int Count => Lengths.Count;

    /// <summary>Whether records are read while training, so that what the limit does to them is known afterwards only.</summary>
    public virtual bool IsStreamed => false;

    /// <summary>Records that the examples are made of.</summary>
    public virtual int Records => Count;

    /// <summary>Records that have been cut into tokens so far and were not left out.</summary>
    public virtual int SeenRecords => Records;

    /// <summary>Records that lost tokens to the length limit.</summary>
    public virtual int CutRecords { get; init; }

    /// <summary>Records left out.</summary>
    public virtual int DroppedRecords { get; init; }

    /// <summary>Tokens lost.</summary>
    public virtual long CutTokens { get; init; }

    /// <summary>The order in which they are trained where it is computed place by place; null leaves it to <see cref="BatchPlan"/>.</summary>
    /// <param name="settings">How batches are made.</param>
    public virtual IExampleOrder? Order(BatchSettings settings) => null;

    /// <summary>These examples and others behind them.</summary>
    /// <param name="others">Examples of the same task.</param>
    /// <exception cref="PeftException">Examples of this kind are not joined.</exception>
    public virtual TaskSplit Join(TaskSplit others) => throw new PeftException("Datasets of this task cannot be mixed.");

    /// <summary>Puts examples side by side, padded to the longest of them, on the model's device.</summary>
    /// <param name="model">The model that will compute them.</param>
    /// <param name="rows">Which examples; at least one.</param>
    public abstract TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows);
}

/// <summary>Examples side by side, and the loss of a model on them.</summary>
public abstract class TaskBatch : IDisposable
{
    /// <summary>Tokens without padding.</summary>
    public abstract int Tokens { get; }

    /// <summary>What the mean loss is a mean over.</summary>
    public abstract double Items { get; }

    /// <summary>The share of this micro-batch in the loss of its group: a scalar in fp32; the shares of a group sum to its loss.</summary>
    public abstract Tensor Loss(LossGroup group);

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the tensors.</summary>
    protected abstract void Dispose(bool disposing);
}
