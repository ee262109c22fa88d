using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Peft.Cli.Serving;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tokenization;
using Spectre.Console;

namespace Peft.Cli.Commands;

/// <summary><c>peft inspect</c>: what a folder holds, how many parameters, how much memory; a table for people, JSON when piped.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "A base model's folder or .gguf file, or an adapter's folder." };
        var command = new Command("inspect", "Say what a checkpoint or an adapter is, its parameters and its memory. Computes nothing.") { folder };
        command.SetAction(parsed => Run(parsed.GetValue(folder)!));
        return command;
    }

    private static int Run(string folder)
    {
        if (!Directory.Exists(folder) && !File.Exists(folder))
            throw new PeftException($"{folder} does not exist. Name the folder of a base model or of an adapter, or a .gguf file.");
        var facts = File.Exists(Path.Combine(folder, PeftConfig.FileName)) ? Adapter(folder)
            : IsModel(folder) ? Model(folder)
            : throw new PeftException($"{folder} holds neither config.json or a .gguf file (a base model) nor {PeftConfig.FileName} (an adapter).");
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(JsonSerializer.Serialize(facts.ToDictionary(fact => fact.Name, fact => fact.Value), ServeRequest.Json));
            return CommandLine.Success;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumn("").AddColumn(new TableColumn("")).HideHeaders();
        foreach (var (name, value) in facts)
            table.AddRow(new Text(name), new Text(value));
        AnsiConsole.Write(table);
        return CommandLine.Success;
    }

    private static bool IsModel(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
        || File.Exists(Path.Combine(path, "config.json"))
        || (Directory.Exists(path) && Directory.EnumerateFiles(path, "*.gguf").Any());

    private static List<(string Name, string Value)> Model(string folder)
    {
        var config = ModelConfig.Load(folder);
        using var checkpoint = Checkpoint.Open(folder);
        var tokenizer = PretrainedTokenizer.Load(folder);
        var stored = checkpoint.Names.Sum(name => checkpoint.Entry(name).Bytes);
        var formats = checkpoint.Names.Select(name => checkpoint.Entry(name).Format).Distinct().Order(StringComparer.Ordinal);
        var fit = config.Fit(checkpoint);
        var facts = new List<(string, string)>
        {
            ("kind", "base model"),
            ("architecture", config.ModelType),
            ("parameters", Number(config.ParameterCount())),
            ("files", string.Join(", ", checkpoint.Paths.Select(Path.GetFileName))),
            ("stored", $"{Bytes(stored)} as {string.Join(", ", formats)}"),
            ("memory in float32", Bytes(config.ParameterCount() * 4)),
            ("memory in bfloat16", Bytes(config.ParameterCount() * 2)),
            ("layers", Number(config.NumHiddenLayers)),
            ("hidden size", Number(config.HiddenSize)),
            ("attention heads", $"{config.NumAttentionHeads} of width {config.HeadDim}, {config.NumKeyValueHeads} for keys and values"),
            ("vocabulary", $"{Number(config.VocabSize)}, tokenizer {Number(tokenizer.VocabularySize)}"),
            ("positions", Number(config.MaxPositionEmbeddings)),
            ("tied head", config.TieWordEmbeddings ? "yes" : "no"),
        };
        if (fit.Unused.Count > 0)
            facts.Add(("not used", Some(fit.Unused)));
        foreach (var task in ModelRegistry.Find(config.ModelType).Tasks.Where(task => task != config.Task))
        {
            facts.Add(("head for " + task.Name(), Head(ModelConfig.Load(folder, task), checkpoint)));
        }

        foreach (var method in PeftMethodRegistry.All)
            facts.Add(("with " + method.DisplayName, method.ReadConfig([]).Count(config).Line));
        return facts;
    }

    private static string Head(ModelConfig config, Checkpoint checkpoint)
    {
        try
        {
            var drawn = config.Fit(checkpoint).Drawn;
            return drawn.Count == 0 ? "in the files, or none is needed" : $"not in the files, starts from random values: {Some(drawn)}";
        }
        catch (PeftException refused)
        {
            return $"cannot be used so: {refused.Message}";
        }
    }

    private static List<(string Name, string Value)> Adapter(string folder)
    {
        var config = PeftConfig.Load(folder);
        var files = Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal).ToArray();
        if (files.Length == 0)
            files = [.. Directory.EnumerateFiles(folder, "adapter_model.bin")];
        if (files.Length == 0)
            throw new PeftException($"{folder} holds an {PeftConfig.FileName} but no .safetensors file (or adapter_model.bin) with the weights.");
        var entries = new List<StoredTensor>();
        foreach (var path in files)
        {
            using var file = Checkpoint.OpenFile(path);
            entries.AddRange(file.Stored.Values);
        }

        var facts = new List<(string, string)>
        {
            ("kind", "adapter"),
            ("method", $"{PeftMethodRegistry.Find(config.PeftType).DisplayName} ({config.PeftType})"),
            ("task", config.TaskType ?? "none"),
            ("base model", config.BaseModelNameOrPath ?? "not named"),
            ("tensors", $"{entries.Count} in {string.Join(", ", files.Select(Path.GetFileName))}"),
            ("numbers", Number(entries.Sum(entry => entry.Shape.Aggregate(1L, (count, size) => count * size)))),
            ("stored", Bytes(entries.Sum(entry => entry.Bytes))),
        };
        facts.AddRange(config.ToJson()
            .Where(field => field.Value is not null && field.Key is not ("peft_type" or "task_type" or "base_model_name_or_path"))
            .Select(field => (field.Key, field.Value!.ToJsonString())));
        return facts;
    }

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(4)) + (names.Count > 4 ? $" and {Number(names.Count - 4)} more" : "");

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Bytes(long value) => value switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{value / (double)(1L << 30):F2} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{value / (double)(1L << 20):F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value / 1024.0:F1} KiB"),
    };
}
