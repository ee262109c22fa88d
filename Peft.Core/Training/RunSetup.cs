using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tokenization;
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

    private RunSetup(TrainingArguments arguments, CausalLanguageModel model, PeftAdapter? adapter, PretrainedTokenizer tokenizer, ExampleEncoder encoder)
    {
        Arguments = arguments;
        Model = model;
        Adapter = adapter;
        Tokenizer = tokenizer;
        Encoder = encoder;
    }

    /// <summary>How it trains.</summary>
    public TrainingArguments Arguments { get; }

    /// <summary>The base.</summary>
    public CausalLanguageModel Model { get; }

    /// <summary>What trains; null for the zero-shot baseline.</summary>
    public PeftAdapter? Adapter { get; }

    /// <summary>The base's tokenizer.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Turns records into ids.</summary>
    public ExampleEncoder Encoder { get; }

    /// <summary>The training split; empty for the zero-shot baseline.</summary>
    public EncodedSplit Train { get; private init; } = new([], 0, 0, 0);

    /// <summary>The dev records whose loss is measured.</summary>
    public IReadOnlyList<InstructionRecord> DevRecords { get; private init; } = [];

    /// <summary>The same as ids.</summary>
    public IReadOnlyList<TokenizedExample> Dev { get; private init; } = [];

    /// <summary>The records that are scored by generation.</summary>
    public IReadOnlyList<InstructionRecord> TestRecords { get; private init; } = [];

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
        var arguments = TrainingArguments.FromJson(request.Training, out var unreadable);
        var checkedArguments = TrainingArgumentsValidator.Validate(arguments, config.MaxPositionEmbeddings);
        var problems = unreadable.ToList();
        var warnings = new List<PeftProblem>();
        PeftConfig? peft = null;
        if (Trains(request))
        {
            problems.AddRange(checkedArguments.Problems);
            warnings.AddRange(checkedArguments.Warnings);
            peft = PeftConfig.FromJson(request.Peft.DeepClone().AsObject());
            var method = peft.Validate(config);
            problems.AddRange(method.Problems);
            warnings.AddRange(method.Warnings);
            if (config.LooksAhead)
                problems.Add(new PeftProblem("base", $"in '{config.ModelType}' every token sees the answer behind it, so there is nothing to learn by predicting it. This base can answer, but not be trained here."));
        }

        return problems.Count == 0
            ? (arguments, peft, warnings)
            : throw new PeftException(string.Join(Environment.NewLine, problems.Select(p => $"{p.Field}: {p.Message}")));
    }

    /// <summary>Reads and checks everything and attaches a fresh adapter.</summary>
    /// <param name="paths">The run directory, against which relative paths are resolved.</param>
    /// <param name="request">The order.</param>
    /// <exception cref="PeftException">Anything that stands in the way, with file, field and what to do.</exception>
    public static RunSetup Open(RunPaths paths, RunRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        TorchRuntime.Initialize(request.Threads);
        TorchRuntime.ResolveDevice(request.Device);
        var folder = RunDirectory.Resolve(paths, request.BaseModel);
        var (arguments, peft, warnings) = Check(request, ModelConfig.Load(folder));

        // Weights are mapped and words are cut at the same time: two different resources.
        var data = Task.Run(() => ReadData(RunDirectory.Resolve(paths, request.Dataset), folder, arguments, request));
        CausalLanguageModel? model = null;
        try
        {
            var dtype = peft is not null && PeftMethodRegistry.Find(peft.PeftType).NeedsFloat32Base ? "float32" : request.Dtype;
            model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = dtype, Device = request.Device });
            torch.manual_seed(arguments.Seed);
            var adapter = peft is null ? null : PeftMethods.Create(model, peft);
            var read = data.GetAwaiter().GetResult();
            return new RunSetup(arguments, model, adapter, read.Tokenizer, read.Encoder)
            {
                Train = read.Train,
                DevRecords = read.DevRecords,
                Dev = read.Dev.Examples,
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

    /// <inheritdoc />
    public void Dispose()
    {
        Adapter?.Dispose();
        Model.Dispose();
    }

    private static ReadSplits ReadData(string dataset, string baseFolder, TrainingArguments arguments, RunRequest request)
    {
        var tokenizer = PretrainedTokenizer.Load(baseFolder);
        var template = PromptTemplate.Of(tokenizer, arguments.PromptFormat);
        var encoder = new ExampleEncoder(tokenizer, template, arguments.MaxLength, arguments.CutPolicy);
        var snapshot = DatasetSnapshot.Open(dataset);
        IReadOnlyList<InstructionRecord> train = Trains(request) ? snapshot.Read("train") : [];
        if (Trains(request) && train.Count == 0)
            throw new PeftException($"{dataset}: the training split is empty; there is nothing to learn from. Add records, or split the dataset again.");
        var dev = snapshot.Read("dev");
        if (arguments.MaxEvalSamples > 0)
            dev = [.. dev.Take(arguments.MaxEvalSamples)];
        var test = request.Evaluation.MaxRecords == 0 ? [] : snapshot.Read(request.Evaluation.Split);
        if (request.Evaluation.MaxRecords is { } most)
            test = [.. test.Take(most)];
        var encoded = encoder.EncodeAll(train, "train");
        if (train.Count > 0 && encoded.Examples.Count == 0)
            throw new PeftException($"max_length: no training record fits into {arguments.MaxLength} tokens. Raise max_length or choose another cut policy.");
        var hash = snapshot.Manifest?.Hash ?? DatasetSnapshot.Hash(new Dictionary<string, IReadOnlyList<InstructionRecord>> { ["train"] = train });
        return new ReadSplits(tokenizer, encoder, encoded, dev, encoder.EncodeAll(dev, "dev"), test, hash);
    }

    private sealed record ReadSplits(
        PretrainedTokenizer Tokenizer,
        ExampleEncoder Encoder,
        EncodedSplit Train,
        IReadOnlyList<InstructionRecord> DevRecords,
        EncodedSplit Dev,
        IReadOnlyList<InstructionRecord> TestRecords,
        string Hash);
}
