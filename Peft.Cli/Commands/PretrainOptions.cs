using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Cli.Commands;

/// <summary>The options that make an order for a base: layout and sizes, tokenizer, corpus, objective's settings, one option per training argument.</summary>
internal sealed class PretrainOptions
{
    private readonly Option<string?> layout = new("--layout") { Description = $"Architecture: {string.Join(", ", BaseLayout.All.Select(l => l.ModelType))}." };
    private readonly Option<string[]> config = new("--config") { Description = "Fields of config.json, e.g. --config hidden_size=256 num_hidden_layers=6; or a file with them.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> tokenizer = new("--tokenizer") { Description = "Folder of the model whose tokenizer is taken and extended." };
    private readonly Option<string?> corpus = new("--corpus", "--data") { Description = "JSON lines with a text field, or plain text with blank lines between documents; also .gz; or a dataset folder." };
    private readonly Option<string> textField = new("--text_field") { Description = "Field that holds the text.", DefaultValueFactory = _ => "text" };
    private readonly Option<string?> model = new("--model") { Description = "Folder of the finished base; without it, model in the run directory." };
    private readonly Option<string?> embeddings = new("--init-embeddings-from") { Description = "A base of the same width whose embedding rows start the new one's." };
    private readonly Option<string?> from = new("--init-from") { Description = "A base of the same architecture and sizes whose weights start the new one's (to go on training it)." };
    private readonly Option<bool> neighbours = new("--neighbour-start") { Description = "Some attention heads start by looking at neighbouring tokens: much faster on a small corpus." };
    private readonly Option<double> tableRate = new("--table_rate") { Description = "Factor on the learning rate of word embeddings and head; below 1 where another base taught them.", DefaultValueFactory = _ => 1 };
    private readonly Option<double> density = new("--noise_density") { Description = "Share of the tokens that is hidden.", DefaultValueFactory = _ => 0.15 };
    private readonly Option<double> span = new("--mean_span_length") { Description = "Tokens of a hidden stretch on average (span corruption).", DefaultValueFactory = _ => 3 };
    private readonly Option<bool> pack = new("--pack") { Description = "Put short documents behind one another up to max_length." };
    private readonly Option<int> evalDocuments = new("--eval_documents") { Description = "Documents held out to measure loss and accuracy.", DefaultValueFactory = _ => 500 };
    private readonly Option<string?> output = new("--output") { Description = "Folder in which the run directory is made (default: runs)." };
    private readonly Option<string> name = new("--name") { Description = "Display name.", DefaultValueFactory = _ => "" };
    private readonly Option<string> device = CommandLine.DeviceOption();
    private readonly Option<int> threads = CommandLine.ThreadsOption();
    private readonly Dictionary<string, Option<string?>> training;

    public PretrainOptions()
    {
        training = PretrainingDefaults.Arguments.ToJson().ToDictionary(
            pair => pair.Key,
            pair => new Option<string?>("--" + pair.Key) { Description = $"Training argument; default {pair.Value?.ToJsonString()}." },
            StringComparer.Ordinal);
    }

    public IEnumerable<Option> All =>
        [layout, config, tokenizer, corpus, textField, model, embeddings, from, neighbours, tableRate, density, span, pack, evalDocuments, output, name, device, threads, .. training.Values];

    /// <summary>Makes a run directory from the options and returns its path.</summary>
    /// <exception cref="PeftException">Something needed is not given, or a value cannot be read.</exception>
    public string MakeRun(ParseResult parsed)
    {
        var missing = new[] { (layout, "--layout"), (tokenizer, "--tokenizer"), (corpus, "--corpus") }.Where(o => string.IsNullOrEmpty(parsed.GetValue(o.Item1))).Select(o => o.Item2).ToArray();
        if (missing.Length > 0)
            throw new PeftException($"{string.Join(" and ", missing)} must be given (or --run with a run directory). See 'peft pretrain --help'.");
        var arguments = PretrainingDefaults.Arguments.ToJson();
        foreach (var (field, option) in training)
        {
            if (parsed.GetValue(option) is { } text)
                arguments[field] = Value(text);
        }

        string? Full(Option<string?> option) => parsed.GetValue(option) is { Length: > 0 } path ? Path.GetFullPath(path) : null;
        var request = new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            Kind = RunKind.Pretrain,
            Name = parsed.GetValue(name)!,
            BaseModel = Full(tokenizer)!,
            BaseModelName = Path.GetFileName(Path.TrimEndingDirectorySeparator(Full(tokenizer)!)),
            Dtype = "float32",
            Device = parsed.GetValue(device)!,
            Threads = parsed.GetValue(threads),
            Peft = PretrainingDefaults.Method,
            Dataset = Full(corpus)!,
            Training = arguments,
            Evaluation = new RunEvaluation { MaxRecords = 0 },
            Pretraining = new PretrainingOrder
            {
                Config = Config(parsed),
                TextField = parsed.GetValue(textField)!,
                NoiseDensity = parsed.GetValue(density),
                MeanSpanLength = parsed.GetValue(span),
                Pack = parsed.GetValue(pack),
                EvalDocuments = parsed.GetValue(evalDocuments),
                InitEmbeddingsFrom = Full(embeddings),
                NeighbourStart = parsed.GetValue(neighbours),
                TableRate = parsed.GetValue(tableRate),
                InitFrom = Full(from),
                Output = Full(model),
            },
            CreatedAt = TimeProvider.System.GetUtcNow(),
        };
        var paths = RunDirectory.Create(parsed.GetValue(output) ?? "runs", request);
        Console.Error.WriteLine($"run directory: {paths.Root} (pause with Ctrl+C, go on with 'peft pretrain --run {paths.Root}')");
        return paths.Root;
    }

    private JsonObject Config(ParseResult parsed)
    {
        var json = new JsonObject();
        foreach (var item in parsed.GetValue(config) ?? [])
        {
            var equals = item.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                json[item[..equals]] = Value(item[(equals + 1)..]);
            else if (File.Exists(item) && JsonNode.Parse(File.ReadAllText(item)) is JsonObject file)
                json = file;
            else
                throw new PeftException($"--config {item}: expected name=value, for example --config hidden_size=256, or a JSON file.");
        }

        json["model_type"] = parsed.GetValue(layout);
        return json;
    }

    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
