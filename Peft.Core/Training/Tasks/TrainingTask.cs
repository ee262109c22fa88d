using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Tokenization;

namespace Peft.Core.Training.Tasks;

/// <summary>What a task is made from: base, data and limits.</summary>
/// <param name="Tokenizer">The base's tokenizer.</param>
/// <param name="Config">The base's config, read for the task.</param>
/// <param name="Arguments">Length limit, cut policy and the like.</param>
/// <param name="Labels">What the head's outputs are called; null for tasks without labels.</param>
public sealed record TaskSetting(PretrainedTokenizer Tokenizer, ModelConfig Config, TrainingArguments Arguments, TaskLabels? Labels)
{
    /// <summary>Id for padding: the config's, else the tokenizer's own, else what ends a text.</summary>
    public int? PadId => Config.PadTokenId ?? Tokenizer.PadId ?? Tokenizer.EosId;

    /// <summary>Tokens that an example may have.</summary>
    public int MaxLength => Config is { Task: not ModelTask.Seq2SeqLm } ? Math.Min(Arguments.MaxLength, Config.MaxTokens) : Arguments.MaxLength;

    /// <summary>Whether the base tells the texts of a pair apart by number.</summary>
    public bool HasSegments => Tokenizer.SecondSegment > 0
        && Config.Outline.Embeddings.Any(table => table.Path.EndsWith("token_type_embeddings", StringComparison.Ordinal) && table.InFeatures > 1);
}

/// <summary>How a model is measured.</summary>
/// <param name="BatchSize">Records computed together.</param>
/// <param name="MaxNewTokens">Tokens generated per record at most, where the task writes.</param>
/// <param name="Seed">Seed of bootstrap intervals.</param>
public sealed record EvaluationSetting(int BatchSize = 32, int MaxNewTokens = 100, int Seed = 42);

/// <summary>Scores of a split.</summary>
/// <param name="Metrics">Every score by name; null where it is undefined.</param>
/// <param name="Primary">The name that runs are compared by.</param>
/// <param name="Triples">Details of relation extraction; null for other data.</param>
public sealed record TaskReport(IReadOnlyDictionary<string, double?> Metrics, string Primary, TripleReport? Triples = null);

/// <summary>What a model said to every record, and how good that is.</summary>
/// <param name="Predictions">One per record, in order.</param>
/// <param name="Report">The scores.</param>
public sealed record TaskResult(IReadOnlyList<RunPrediction> Predictions, TaskReport Report);

/// <summary>
/// One task from records to scores: which data it reads, how that becomes ids and a loss, what the model's outputs mean. A task knows no run
/// directory and no method; a new task is one more file here and one line in <see cref="TrainingTasks"/>.
/// </summary>
public abstract class TrainingTask
{
    /// <summary>Takes what every task needs.</summary>
    protected TrainingTask(TaskSetting setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        Setting = setting;
    }

    /// <summary>What it is made from.</summary>
    public TaskSetting Setting { get; }

    /// <summary>PEFT's name of it is <c>Kind.Name()</c>.</summary>
    public ModelTask Kind => Setting.Config.Task;

    /// <summary>Whether its answers are written token by token, so that measuring takes long and samples are worth a look.</summary>
    public virtual bool Writes => false;

    /// <summary>How the base has to be loaded for it.</summary>
    public ModelLoadOptions Options(ModelLoadOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            Task = Kind,
            Labels = Setting.Labels is { Names.Count: > 0 } labels ? labels.Names : null,
            ProblemType = Setting.Labels?.ProblemType,
            PadTokenId = Setting.PadId,
        };
    }

    /// <summary>Reads a split as records of this task.</summary>
    /// <exception cref="PeftException">Unusable rows, or data of a kind that does not serve the task.</exception>
    public abstract IReadOnlyList<IDataRecord> Read(DatasetSnapshot snapshot, string split);

    /// <summary>Whether records of a kind can be read one by one while training.</summary>
    public virtual bool CanStream(DatasetKind kind) => false;

    /// <summary>Turns records into ids with labels, in parallel.</summary>
    /// <param name="records">Records as <see cref="Read"/> gives them.</param>
    /// <param name="split">Name of the split for messages.</param>
    /// <exception cref="PeftException">A record that cannot be learnt from; it is named.</exception>
    public abstract TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split);

    /// <summary>Puts several examples into one row, as many as fit.</summary>
    /// <param name="split">Examples as <see cref="Encode"/> gives them.</param>
    /// <exception cref="PeftException">Examples of this task are not put into one row.</exception>
    public virtual TaskSplit Pack(TaskSplit split) =>
        throw new PeftException($"packing: examples of {Kind.Name()} cannot share a row; only {ModelTask.CausalLm.Name()} can be packed. Use group_by_length instead.");

    /// <summary>Lets a model answer records and scores it.</summary>
    /// <param name="model">Base with its adapter, loaded with <see cref="Options"/>.</param>
    /// <param name="records">At least one record.</param>
    /// <param name="setting">How.</param>
    /// <param name="between">Called between batches with the number of records done; may throw to end early.</param>
    public abstract TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null);
}
