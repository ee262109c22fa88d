using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tokenization;
using Peft.Core.Training.Tasks;
using TorchSharp;

namespace Peft.Core.Training;

/// <summary>
/// Everything that an order names, read and checked: settings before files, files before tensors, so that a bad order fails within a
/// second and says all that is wrong with it.
/// </summary>
public sealed class RunSetup : IDisposable
{
    /// <summary>The value of <c>peft_type</c> for the baseline that trains nothing.</summary>
    public const string NoMethod = "NONE";

    private RunData? data;

    private RunSetup(TrainingArguments arguments, BaseModel model, PeftAdapter? adapter, TrainingTask task)
    {
        Arguments = arguments;
        Model = model;
        Adapter = adapter;
        Task = task;
    }

    /// <summary>How it trains.</summary>
    public TrainingArguments Arguments { get; }

    /// <summary>The base.</summary>
    public BaseModel Model { get; }

    /// <summary>What trains; null for the zero-shot baseline.</summary>
    public PeftAdapter? Adapter { get; }

    /// <summary>What it learns to do.</summary>
    public TrainingTask Task { get; }

    /// <summary>The training split; null for the zero-shot baseline.</summary>
    public TaskSplit? Train { get; private init; }

    /// <summary>The dev records that are measured while training; may be empty.</summary>
    public IReadOnlyList<IDataRecord> DevRecords { get; private init; } = [];

    /// <summary>The same as ids; null when there are none.</summary>
    public TaskSplit? Dev { get; private init; }

    /// <summary>The records that are scored at the end.</summary>
    public IReadOnlyList<IDataRecord> TestRecords { get; private init; } = [];

    /// <summary>Hash of the data, so that a checkpoint never goes on with other data.</summary>
    public string DataHash { get; private init; } = "";

    /// <summary>Doubts about the settings.</summary>
    public IReadOnlyList<PeftProblem> Warnings { get; private init; } = [];

    /// <summary>The trainable line's numbers.</summary>
    public ParameterCount Count => Adapter?.Count ?? new ParameterCount(0, Model.Config.ParameterCount());

    /// <summary>Is a method trained, or only the base measured?</summary>
    public static bool Trains(RunRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return !string.Equals(request.Peft["peft_type"]?.ToString(), NoMethod, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Checks settings against the base's config without loading any tensor.</summary>
    /// <exception cref="PeftException">Everything that is wrong, one line each.</exception>
    public static (TrainingArguments Arguments, PeftConfig? Peft, IReadOnlyList<PeftProblem> Warnings) Check(RunRequest request, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(config);
        var arguments = Recomputing(request, TrainingArguments.FromJson(request.Training, out var unreadable));
        var checkedArguments = TrainingArgumentsValidator.Validate(arguments, config.MaxTokens);
        var problems = unreadable.ToList();
        var warnings = new List<PeftProblem>();
        PeftConfig? peft = null;
        if (Trains(request))
        {
            problems.AddRange(checkedArguments.Problems);
            warnings.AddRange(checkedArguments.Warnings);
            var json = request.Peft.DeepClone().AsObject();
            json["task_type"] = request.TaskType;
            peft = PeftConfig.FromJson(json);
            var method = peft.Validate(config);
            problems.AddRange(method.Problems);
            warnings.AddRange(method.Warnings);
            problems.AddRange(Quantized(request, peft));
            if (config.LooksAhead)
                problems.Add(new PeftProblem("base", $"in '{config.ModelType}' every token sees the answer behind it, so there is nothing to learn by predicting it. This base can answer, but not be trained here."));
        }

        return problems.Count == 0
            ? (arguments, peft, warnings)
            : throw new PeftException(string.Join(Environment.NewLine, problems.Select(p => $"{p.Field}: {p.Message}")));
    }

    /// <summary>As <c>prepare_model_for_kbit_training</c> does by default, a prepared 4-bit base computes its layers again unless the order says otherwise.</summary>
    private static TrainingArguments Recomputing(RunRequest request, TrainingArguments arguments) =>
        request.Quantization is { LoadIn4Bit: true, PrepareModelForKbitTraining: true } && !request.Training.ContainsKey("gradient_checkpointing")
            ? arguments with { GradientCheckpointing = true }
            : arguments;

    /// <summary>What stands against a 4-bit base.</summary>
    private static IEnumerable<PeftProblem> Quantized(RunRequest request, PeftConfig peft)
    {
        if (request.Quantization is not { LoadIn4Bit: true } quantization)
            return [];
        var problems = quantization.Problems().Select(p => new PeftProblem(p.Field, p.Message));
        var method = PeftMethodRegistry.Find(peft.PeftType);
        return method.NeedsFloat32Base
            ? problems.Append(new PeftProblem("load_in_4bit", $"{method.DisplayName} trains the base's own weights, which a 4-bit base does not have; choose another method."))
            : problems;
    }

    /// <summary>Reads and checks everything and attaches a fresh adapter.</summary>
    /// <param name="paths">The run directory, against which relative paths are resolved.</param>
    /// <param name="request">The order.</param>
    /// <param name="progress">Told how much of large data has been looked through, in percent and of 100; called from another thread.</param>
    /// <exception cref="PeftException">Anything that stands in the way, with file, field and what to do.</exception>
    public static RunSetup Open(RunPaths paths, RunRequest request, Action<int, int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        TorchRuntime.Initialize(request.Threads);
        TorchRuntime.ResolveDevice(request.Device);
        var folder = RunDirectory.Resolve(paths, request.BaseModel);
        var config = ModelConfig.Load(folder, ModelTasks.Parse(request.TaskType));
        var (arguments, peft, warnings) = Check(request, config);
        var dataset = RunDirectory.Resolve(paths, request.Dataset);
        var snapshot = DatasetSnapshot.Open(dataset);
        var task = TrainingTasks.Create(config.Task, PretrainedTokenizer.Load(folder), config, arguments, snapshot);
        if (task is InstructionFollowing { TemplateMismatch: { } foreign })
            warnings = [.. warnings, new PeftProblem("prompt_format", foreign)];

        // Weights are mapped and words are cut at the same time: two different resources.
        var data = System.Threading.Tasks.Task.Run(() => RunData.Read(dataset, snapshot, task, request, paths, progress));
        BaseModel? model = null;
        try
        {
            var dtype = peft is not null && PeftMethodRegistry.Find(peft.PeftType).NeedsFloat32Base ? "float32" : request.Dtype;
            model = BaseModel.Load(folder, task.Options(new ModelLoadOptions { Dtype = dtype, Device = request.Device, Quantization = request.Quantization }));
            torch.manual_seed(arguments.Seed);
            var adapter = peft is null ? null : PeftMethods.Create(model, peft);
            if (arguments.Packing && adapter is not null && !model.Config.CanPack)
                throw new PeftException($"packing: texts of architecture '{model.Config.ModelType}' cannot share a row, since tokens see what stands behind them. Use group_by_length instead.");
            var read = data.GetAwaiter().GetResult();
            return new RunSetup(arguments, model, adapter, task)
            {
                data = read,
                Train = read.Train,
                DevRecords = read.DevRecords,
                Dev = read.Dev,
                TestRecords = read.TestRecords,
                DataHash = read.Hash,
                Warnings = warnings,
            };
        }
        catch
        {
            model?.Dispose();
            throw;
        }
    }

    /// <summary>Writes what trained, and what its labels mean, into a folder.</summary>
    /// <exception cref="PeftException">The disk refuses.</exception>
    public void SaveAdapter(string folder, string baseModelName)
    {
        Adapter?.Save(folder, baseModelName);
        Task.Setting.Labels?.Save(folder);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        data?.Dispose();
        Adapter?.Dispose();
        Model.Dispose();
    }
}
