using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.MultitaskPrompt;

/// <summary>
/// Multitask prompt tuning attached to a model: the vectors of task k are E ⊙ (cols[k]·rows[k]) with E [V, C], cols [K, V, r], rows [K, r, C].
/// </summary>
internal sealed class MultitaskPromptAdapter : SoftPromptAdapter, IMultitaskAdapter
{
    public const string SharedName = "prompt_encoder.embedding.weight";
    public const string ColumnsName = "prompt_encoder.prefix_task_cols";
    public const string RowsName = "prompt_encoder.prefix_task_rows";
    private const string SavedColumns = "prefix_task_cols";
    private const string SavedRows = "prefix_task_rows";

    private readonly MultitaskPromptConfig config;

    private MultitaskPromptAdapter(BaseModel model, MultitaskPromptConfig config, IReadOnlyList<NamedParameter> prompt, bool train)
        : base(model, config, prompt, train) => this.config = config;

    /// <inheritdoc />
    public long[]? TaskIds { get; set; }

    private Tensor Shared => Prompt[0].Tensor;

    private Tensor Columns => Prompt[1].Tensor;

    private Tensor Rows => Prompt[2].Tensor;

    public static MultitaskPromptAdapter Create(BaseModel model, MultitaskPromptConfig config)
    {
        using var gradOff = no_grad();
        var shared = PromptStart.Draw(model, config.TableRows, config.PromptTuningInit, config.PromptTuningInitText);
        var columns = empty([config.NumTasks, config.TableRows, config.NumRanks], ScalarType.Float32).normal_(0, 0.02).DetachFromDisposeScope();
        var rows = empty([config.NumTasks, config.NumRanks, SoftPromptConfig.Width(model.Config)], ScalarType.Float32).normal_(0, 0.02).DetachFromDisposeScope();
        if (config.HasSource)
            StartFrom(config, shared, columns, rows);
        return new MultitaskPromptAdapter(
            model,
            config,
            [new(SharedName, Place(shared, model.Device)), new(ColumnsName, Place(columns, model.Device)), new(RowsName, Place(rows, model.Device))],
            train: true);
    }

    public static MultitaskPromptAdapter Load(BaseModel model, MultitaskPromptConfig config, string folder)
    {
        Check(model, config, folder);
        var shapes = config.TrainableShapes(model.Config).ToDictionary(s => s.Name, s => s.Shape.ToArray(), StringComparer.Ordinal);
        NamedParameter Empty(string name) => new(name, zeros(shapes[name], ScalarType.Float32, model.Device).DetachFromDisposeScope());
        var adapter = new MultitaskPromptAdapter(model, config, [Empty(SharedName), Empty(ColumnsName), Empty(RowsName)], train: false);
        try
        {
            adapter.Read(folder, (adapter.Columns, SavedColumns), (adapter.Rows, SavedRows));
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    public override int DecoderLength => config.TableRows - Length;

    public override Tensor Ids(long rows) => IdsFrom(rows, 0);

    public override Tensor DecoderIds(long rows) => IdsFrom(rows, Length);

    /// <summary>Ids of the rows of each text's task from one on: of an encoder-decoder's rows the first half is the encoder's.</summary>
    private Tensor IdsFrom(long rows, int start)
    {
        var tasks = TaskIds ?? new long[rows];
        if (tasks.Length != rows)
            throw new PeftException($"{tasks.Length} numbers of tasks were given for {rows} texts.");
        using var scope = NewDisposeScope();
        var first = tensor(tasks.Select(t => (t * config.TableRows) + start).ToArray()).view(-1, 1);
        return (-1 - first - arange(Length, ScalarType.Int64).view(1, -1)).MoveToOuterDisposeScope();
    }

    protected override Tensor Table()
    {
        using var scope = NewDisposeScope();
        return (Shared.unsqueeze(0) * Columns.bmm(Rows)).view(-1, Shared.shape[1]).MoveToOuterDisposeScope(); // [K·V, C]
    }

    protected override Tensor SavedTable() => Shared.alias();

    protected override IEnumerable<NamedParameter> SavedPrompt(Tensor table) =>
        [.. base.SavedPrompt(table), new NamedParameter(SavedColumns, Columns), new NamedParameter(SavedRows, Rows)];

    private static void StartFrom(MultitaskPromptConfig config, Tensor shared, Tensor columns, Tensor rows)
    {
        var path = config.PromptTuningInitStateDictPath!;
        if (!File.Exists(path))
            throw new PeftException($"prompt_tuning_init_state_dict_path: {path}: file not found.");
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(path);
        Copy(file, path, "prompt_embeddings", shared, whole => whole);
        if (config.PromptTuningInit == "ONLY_SOURCE_SHARED")
            return;
        Tensor Chosen(Tensor tasks)
        {
            if (config.PromptTuningInit == "AVERAGE_SOURCE_TASKS")
                return tasks.mean([0], keepdim: true);
            if (config.PromptTuningInitTask >= tasks.shape[0])
                throw new PeftException($"prompt_tuning_init_task: {path} holds {tasks.shape[0]} tasks, numbered from 0, so there is no task {config.PromptTuningInitTask}.");
            return tasks.narrow(0, config.PromptTuningInitTask, 1);
        }

        Copy(file, path, SavedColumns, columns, Chosen);
        Copy(file, path, SavedRows, rows, Chosen);
    }

    private static void Copy(SafetensorsFile file, string path, string name, Tensor target, Func<Tensor, Tensor> choose)
    {
        if (!file.Contains(name))
            throw new PeftException($"{path}: tensor '{name}' is missing.");
        var source = choose(file.Tensor(name));
        if (!source.shape.AsSpan().SequenceEqual(target.shape))
            throw new PeftException($"{path}: tensor '{name}' has shape [{string.Join(", ", source.shape)}], these settings ask for [{string.Join(", ", target.shape)}].");
        target.copy_(source);
    }
}
