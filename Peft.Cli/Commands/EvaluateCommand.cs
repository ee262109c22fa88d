using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Peft.Cli.Output;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using Peft.Core.Training.Tasks;

namespace Peft.Cli.Commands;

/// <summary><c>peft evaluate</c>: loss and scores of a base, with or without an adapter, on a split.</summary>
internal static class EvaluateCommand
{
    private static readonly Option<string> s_base = CommandLine.BaseOption();
    private static readonly Option<string> s_dtype = CommandLine.DtypeOption();
    private static readonly Option<string> s_device = CommandLine.DeviceOption();
    private static readonly Option<int> s_threads = CommandLine.ThreadsOption();
    private static readonly Option<string?> s_adapter = new("--adapter") { Description = "Adapter folder; without it the base alone is measured." };
    private static readonly Option<string> s_dataset = new("--data", "--dataset") { Description = "Dataset folder or file.", Required = true };
    private static readonly Option<string?> s_task = new("--task") { Description = "The task of the base alone; left out: what base and data suggest. An adapter knows its own." };
    private static readonly Option<string> s_split = new("--split") { Description = "train, dev or test.", DefaultValueFactory = _ => "test" };
    private static readonly Option<int?> s_records = new("--max_records") { Description = "The first so many records; all when left out." };
    private static readonly Option<int> s_batch = new("--batch_size") { Description = "Records computed together.", DefaultValueFactory = _ => 32 };
    private static readonly Option<int> s_maxNewTokens = new("--max_new_tokens") { Description = "Tokens per answer at most.", DefaultValueFactory = _ => 100 };
    private static readonly Option<int> s_maxLength = new("--max_length") { Description = "Tokens of a record at most, for the loss.", DefaultValueFactory = _ => 512 };
    private static readonly Option<string> s_format = new("--prompt_format") { Description = "auto, chat, plain, or a built-in chat template: " + string.Join(", ", Peft.Core.Tokenization.PromptTemplate.Formats.Skip(3)) + ".", DefaultValueFactory = _ => "auto" };
    private static readonly Option<string?> s_predictions = new("--predictions") { Description = "File for the answers (JSON lines)." };

    public static Command Create()
    {
        var command = new Command("evaluate", "Measure loss and scores of a task on a split.")
        {
            s_base, s_adapter, s_task, s_dataset, s_split, s_records, s_batch, s_maxNewTokens, s_maxLength, s_format, s_predictions, s_dtype, s_device, s_threads,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        TorchRuntime.Initialize(parsed.GetValue(s_threads));
        var (split, folder, dataset) = (parsed.GetValue(s_split)!, parsed.GetValue(s_base)!, parsed.GetValue(s_dataset)!);
        var snapshot = DatasetSnapshot.Open(dataset);
        var task = Task(parsed, folder, snapshot);
        var all = task.Read(snapshot, split);
        var chosen = all.Take(parsed.GetValue(s_records) ?? all.Count).ToArray();
        if (chosen.Length == 0)
            throw new PeftException($"{dataset}: split '{split}' has no records.");
        using var model = BaseModel.Load(folder, task.Options(new ModelLoadOptions { Dtype = parsed.GetValue(s_dtype)!, Device = parsed.GetValue(s_device)! }));
        using var adapter = parsed.GetValue(s_adapter) is { } path ? PeftMethods.Load(model, path) : null;
        var batch = parsed.GetValue(s_batch);
        var loss = LossEvaluator.Loss(model, task.Encode(chosen, split), batch);
        var live = !Console.IsErrorRedirected;
        var result = task.Evaluate(
            model, chosen, new EvaluationSetting(batch, parsed.GetValue(s_maxNewTokens)), done => Console.Error.Write(live ? $"\r{done}/{chosen.Length} " : ""));
        if (parsed.GetValue(s_predictions) is { } file)
            Predictions.Write(Path.GetFullPath(file), result.Predictions);
        Print(task, result, loss);
        return CommandLine.Success;
    }

    /// <summary>The adapter knows its task and labels; without one, the base or the data do.</summary>
    private static TrainingTask Task(ParseResult parsed, string folder, DatasetSnapshot snapshot)
    {
        var choice = parsed.GetValue(s_adapter) is { } adapter ? TaskChoice.OfAdapter(adapter)
            : parsed.GetValue(s_task) is null && TaskLabels.Load(folder) is not null ? TaskChoice.OfBase(folder)
            : new TaskChoice(CommandLine.Task(parsed.GetValue(s_task), folder, parsed.GetValue(s_dataset)!), null);
        var arguments = new TrainingArguments { MaxLength = parsed.GetValue(s_maxLength), PromptFormat = parsed.GetValue(s_format)!, CutPolicy = CutPolicy.KeepOutput };
        var setting = new TaskSetting(PretrainedTokenizer.Load(folder), ModelConfig.Load(folder, choice.Task), arguments, choice.Labels ?? TaskLabels.Of(choice.Task, snapshot));
        return TrainingTasks.Create(choice.Task, setting);
    }

    private static void Print(TrainingTask task, TaskResult result, double loss)
    {
        var triples = result.Report.Triples;
        if (Console.IsOutputRedirected)
        {
            var summary = new
            {
                Task = task.Kind.Name(),
                Records = result.Predictions.Count,
                Loss = loss,
                result.Report.Metrics,
                PrimaryMetric = result.Report.Primary,
                Precision = result.Report.Metrics.GetValueOrDefault("precision"),
                Recall = result.Report.Metrics.GetValueOrDefault("recall"),
                F1 = result.Report.Metrics.GetValueOrDefault("f1"),
                F1Low = triples?.F1Interval?.Low,
                F1High = triples?.F1Interval?.High,
                triples?.ParseFailureRate,
                triples?.ExactRecords,
                Relations = triples?.ByRelation.Select(pair => new { Relation = pair.Key, pair.Value.TruePositives, pair.Value.Predicted, pair.Value.Gold, pair.Value.F1 }),
            };
            Console.WriteLine(JsonSerializer.Serialize(summary, RunRequest.Json));
            return;
        }

        if (triples is null)
        {
            Line($"\n{result.Predictions.Count} records  loss {loss:F4}{EventPrinter.Scores(result.Report.Metrics)}");
            return;
        }

        Line($"\n{result.Predictions.Count} records  loss {loss:F4}  F1 {triples.Micro.F1:F4} [{triples.F1Interval?.Low:F4}, {triples.F1Interval?.High:F4}]");
        Line($"precision {triples.Micro.Precision:F4}  recall {triples.Micro.Recall:F4}  unreadable {triples.ParseFailureRate:P1}  whole records right {triples.ExactRecords:P1}");
        foreach (var (relation, counts) in triples.ByRelation)
            Line($"  {relation}\t{counts.TruePositives} of {counts.Gold} found, {counts.Predicted} said, F1 {counts.F1:F4}");
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
