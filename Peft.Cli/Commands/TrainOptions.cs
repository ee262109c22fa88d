using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Quantization;
using Peft.Core.Recipes;
using Peft.Core.Runs;
using Peft.Core.Training;
using Peft.Core.Training.Tasks;

namespace Peft.Cli.Commands;

/// <summary>
/// The options that make an order by hand: base, dataset, method, one option per training argument, and <c>--set name=value</c> for the
/// method's own fields. Names are Hugging Face's.
/// </summary>
internal sealed class TrainOptions
{
    private readonly Option<string?> baseModel = new("--base") { Description = "Folder of the base model (Hugging Face layout), or a .gguf file." };
    private readonly Option<string?> dataset = new("--data", "--dataset") { Description = "Dataset folder (train/dev/test.jsonl) or one JSON/JSONL file." };
    private readonly Option<string[]> mix = new("--mix") { Description = "Another dataset whose training records are mixed in, with its weight: folder=0.5. Can be given several times.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<double> weight = new("--dataset_weight") { Description = "Weight of --data beside those of --mix.", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> output = new("--output") { Description = "Folder in which the run directory is made (default: runs)." };
    private readonly Option<string> name = new("--name") { Description = "Display name.", DefaultValueFactory = _ => "" };
    private readonly Option<string> method = new("--method") { Description = $"{PeftMethodRegistry.Names}, or NONE to measure the base alone.", DefaultValueFactory = _ => "LORA" };
    private readonly Option<string?> task = new("--task") { Description = $"{string.Join(", ", TrainingTasks.All.Select(t => t.Name()))}; left out: what data and base suggest." };
    private readonly Option<string[]> set = new("--set") { Description = "A field of adapter_config.json or a training argument, e.g. --set r=8 target_modules=q_proj,v_proj learning_rate=0.001.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string> dtype = new("--dtype") { Description = "auto, float32 or bfloat16: type of the frozen weights.", DefaultValueFactory = _ => "auto" };
    private readonly Option<bool> load4Bit = new("--load_in_4bit") { Description = "Keep the frozen base in 4 bits (QLoRA with --method LORA)." };
    private readonly Option<string> quantType = new("--bnb_4bit_quant_type") { Description = "nf4 or fp4.", DefaultValueFactory = _ => "nf4" };
    private readonly Option<bool> doubleQuant = new("--bnb_4bit_use_double_quant") { Description = "Quantise the scales of the 4-bit base too." };
    private readonly Option<string> computeDtype = new("--bnb_4bit_compute_dtype") { Description = "float32 or bfloat16: type of products with 4-bit weights.", DefaultValueFactory = _ => "float32" };
    private readonly Option<bool> prepare = new("--prepare_model_for_kbit_training") { Description = "Compute everything between 4-bit layers in float32, and layers again for their gradients; false takes the base's type.", DefaultValueFactory = _ => true };
    private readonly Option<string> device = new("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };
    private readonly Option<int> threads = new("--threads") { Description = "Threads that compute; 0 means all cores.", DefaultValueFactory = _ => 0 };
    private readonly Option<int?> testRecords = new("--test_records") { Description = "Test records to score; all when left out, 0 for none." };
    private readonly Option<int> maxNewTokens = new("--max_new_tokens") { Description = "Tokens generated per test record at most.", DefaultValueFactory = _ => 100 };
    private readonly Option<int?> rank = new("--r") { Description = "Shorthand for --set r=…" };
    private readonly Option<double?> rate = new("--lr") { Description = "Shorthand for --learning_rate." };
    private readonly Dictionary<string, Option<string?>> training;

    public TrainOptions()
    {
        training = TrainingOption.All.ToDictionary(
            option => option.Name,
            option => new Option<string?>("--" + option.Name)
            {
                Description = $"{option.Help}{(option.Choices.Count > 0 ? $" One of {string.Join(", ", option.Choices)}." : "")} Default {option.Default?.ToJsonString() ?? "none"}.",
            },
            StringComparer.Ordinal);
    }

    public IEnumerable<Option> All =>
        [baseModel, dataset, mix, weight, task, method, rank, set, rate, output, name, dtype, load4Bit, quantType, doubleQuant, computeDtype, prepare, device, threads, testRecords, maxNewTokens, .. training.Values];

    /// <summary>Makes a run directory from the options, over a recipe where one is given, and returns its path.</summary>
    /// <exception cref="PeftException">Base or dataset are not given, or a value cannot be read.</exception>
    public string MakeRun(ParseResult parsed, string? recipe = null)
    {
        var paths = RunDirectory.Create(parsed.GetValue(output) ?? "runs", Order(parsed, recipe));
        Console.Error.WriteLine($"run directory: {paths.Root} (pause with Ctrl+C, go on with 'peft train --run {paths.Root}')");
        return paths.Root;
    }

    /// <summary>The order that the options make, over a recipe where one is given.</summary>
    /// <exception cref="PeftException">Base or dataset are not given, or a value cannot be read.</exception>
    public RunRequest Order(ParseResult parsed, string? recipe = null)
    {
        if (recipe is not null)
            return Repeat(parsed, recipe);
        var missing = new[] { (baseModel, "--base"), (dataset, "--data") }.Where(o => string.IsNullOrEmpty(parsed.GetValue(o.Item1))).Select(o => o.Item2).ToArray();
        if (missing.Length > 0)
            throw new PeftException($"{string.Join(" and ", missing)} must be given (or --run with a run directory). See 'peft train --help'.");
        var folder = parsed.GetValue(baseModel)!;
        var chosen = CommandLine.Task(parsed.GetValue(task), folder, parsed.GetValue(dataset)!).Name();
        return new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            Name = parsed.GetValue(name)!,
            BaseModel = Path.GetFullPath(folder),
            BaseModelName = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            Dtype = parsed.GetValue(dtype)!,
            Quantization = parsed.GetValue(load4Bit)
                ? new QuantizationConfig
                {
                    LoadIn4Bit = true,
                    Bnb4BitQuantType = parsed.GetValue(quantType)!,
                    Bnb4BitUseDoubleQuant = parsed.GetValue(doubleQuant),
                    Bnb4BitComputeDtype = parsed.GetValue(computeDtype)!,
                    PrepareModelForKbitTraining = parsed.GetValue(prepare),
                }
                : null,
            Device = parsed.GetValue(device)!,
            Threads = parsed.GetValue(threads),
            TaskType = chosen,
            Peft = Method(parsed, chosen),
            Dataset = Path.GetFullPath(parsed.GetValue(dataset)!),
            DatasetWeight = parsed.GetValue(weight),
            Mix = parsed.GetValue(mix) is { Length: > 0 } others ? [.. others.Select(Mixed)] : null,
            Training = Training(parsed),
            Evaluation = new RunEvaluation { MaxRecords = parsed.GetValue(testRecords), MaxNewTokens = parsed.GetValue(maxNewTokens) },
            CreatedAt = TimeProvider.System.GetUtcNow(),
        };
    }

    /// <summary>The order of a recipe; what is given besides goes over it.</summary>
    private RunRequest Repeat(ParseResult parsed, string recipe)
    {
        var order = Recipe.Read(recipe, out var hash);
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        if (Given(method) || Given(task) || Given(rank))
            throw new PeftException("--method, --task and --r belong to runs without a recipe; change them in the recipe, or use --set.");
        var (peft, arguments) = (order.Peft, order.Training);
        foreach (var (field, text) in Assignments(parsed).Where(pair => !training.ContainsKey(pair.Field)))
            peft[field] = Value(text);
        foreach (var (field, value) in Training(parsed))
            arguments[field] = value?.DeepClone();
        order = order with
        {
            Name = Given(name) ? parsed.GetValue(name)! : order.Name,
            BaseModel = Given(baseModel) ? Path.GetFullPath(parsed.GetValue(baseModel)!) : order.BaseModel,
            Dataset = Given(dataset) ? Path.GetFullPath(parsed.GetValue(dataset)!) : order.Dataset,
            Dtype = Given(dtype) ? parsed.GetValue(dtype)! : order.Dtype,
            Device = Given(device) ? parsed.GetValue(device)! : order.Device,
            Threads = Given(threads) ? parsed.GetValue(threads) : order.Threads,
            Evaluation = order.Evaluation with
            {
                MaxRecords = Given(testRecords) ? parsed.GetValue(testRecords) : order.Evaluation.MaxRecords,
                MaxNewTokens = Given(maxNewTokens) ? parsed.GetValue(maxNewTokens) : order.Evaluation.MaxNewTokens,
            },
            CreatedAt = TimeProvider.System.GetUtcNow(),
        };
        if (hash is not null && Recipe.DataHash(order.Dataset) is { } found && found != hash)
            Console.Error.WriteLine($"warning: the recipe was made with other data (hash {hash}, here {found}); results will differ.");
        return order;
    }

    /// <summary>A dataset with its weight behind the last equals sign, 1 where none is given.</summary>
    private static RunDataset Mixed(string text)
    {
        var at = text.LastIndexOf('=');
        return at > 0 && double.TryParse(text.AsSpan(at + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
            ? new RunDataset(Path.GetFullPath(text[..at]), share)
            : new RunDataset(Path.GetFullPath(text));
    }

    private JsonObject Method(ParseResult parsed, string chosen)
    {
        var type = parsed.GetValue(method)!.ToUpperInvariant();
        var peft = new JsonObject { ["peft_type"] = type, ["task_type"] = chosen };
        if (parsed.GetValue(rank) is { } r)
            peft["r"] = r;
        var lists = (PeftMethodRegistry.TryFind(type)?.Options ?? [])
            .Where(option => option.Kind is PeftOptionKind.Modules or PeftOptionKind.Names or PeftOptionKind.Integers)
            .Select(option => option.Name)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var (field, text) in Assignments(parsed).Where(pair => !training.ContainsKey(pair.Field)))
        {
            var isList = lists.Contains(field) && text.Contains(',', StringComparison.Ordinal) && !text.StartsWith('[');
            peft[field] = isList ? new JsonArray([.. text.Split(',', StringSplitOptions.TrimEntries).Select(Value)]) : Value(text);
        }

        return peft;
    }

    private JsonObject Training(ParseResult parsed)
    {
        var arguments = new JsonObject();
        foreach (var (field, text) in Assignments(parsed).Where(pair => training.ContainsKey(pair.Field)))
            arguments[field] = Value(text);
        foreach (var (field, option) in training)
        {
            if (parsed.GetValue(option) is { } text)
                arguments[field] = Value(text);
        }

        if (parsed.GetValue(rate) is { } lr)
            arguments["learning_rate"] = double.IsFinite(lr) ? lr : lr.ToString(CultureInfo.InvariantCulture);
        return arguments;
    }

    private IEnumerable<(string Field, string Text)> Assignments(ParseResult parsed)
    {
        foreach (var assignment in parsed.GetValue(set) ?? [])
        {
            var equals = assignment.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw new PeftException($"--set {assignment}: expected name=value, for example --set lora_alpha=16.");
            yield return (assignment[..equals], assignment[(equals + 1)..]);
        }
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
