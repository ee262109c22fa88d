using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tokenization;

namespace Peft.Cli.Commands;

/// <summary><c>peft evaluate</c>: loss and exact triples of a base, with or without an adapter, on a split.</summary>
internal static class EvaluateCommand
{
    private static readonly Option<string> s_base = CommandLine.BaseOption();
    private static readonly Option<string> s_dtype = CommandLine.DtypeOption();
    private static readonly Option<string> s_device = CommandLine.DeviceOption();
    private static readonly Option<int> s_threads = CommandLine.ThreadsOption();
    private static readonly Option<string?> s_adapter = new("--adapter") { Description = "Adapter folder; without it the base alone is measured." };
    private static readonly Option<string> s_dataset = new("--data", "--dataset") { Description = "Dataset folder or file.", Required = true };
    private static readonly Option<string> s_split = new("--split") { Description = "train, dev or test.", DefaultValueFactory = _ => "test" };
    private static readonly Option<int?> s_records = new("--max_records") { Description = "The first so many records; all when left out." };
    private static readonly Option<int> s_batch = new("--batch_size") { Description = "Records computed together.", DefaultValueFactory = _ => 32 };
    private static readonly Option<int> s_maxNewTokens = new("--max_new_tokens") { Description = "Tokens per answer at most.", DefaultValueFactory = _ => 100 };
    private static readonly Option<int> s_maxLength = new("--max_length") { Description = "Tokens of a record at most, for the loss.", DefaultValueFactory = _ => 512 };
    private static readonly Option<string> s_format = new("--prompt_format") { Description = "auto, chat or plain.", DefaultValueFactory = _ => "auto" };
    private static readonly Option<string?> s_predictions = new("--predictions") { Description = "File for the answers (JSON lines)." };

    public static Command Create()
    {
        var command = new Command("evaluate", "Measure loss and exact relation triples on a split.")
        {
            s_base, s_adapter, s_dataset, s_split, s_records, s_batch, s_maxNewTokens, s_maxLength, s_format, s_predictions, s_dtype, s_device, s_threads,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        TorchRuntime.Initialize(parsed.GetValue(s_threads));
        var split = parsed.GetValue(s_split)!;
        var all = DatasetSnapshot.Open(parsed.GetValue(s_dataset)!).Read(split);
        var chosen = all.Take(parsed.GetValue(s_records) ?? all.Count).ToArray();
        if (chosen.Length == 0)
            throw new PeftException($"{parsed.GetValue(s_dataset)}: split '{split}' has no records.");
        var folder = parsed.GetValue(s_base)!;
        var tokenizer = PretrainedTokenizer.Load(folder);
        var template = PromptTemplate.Of(tokenizer, parsed.GetValue(s_format)!);
        var encoder = new ExampleEncoder(tokenizer, template, parsed.GetValue(s_maxLength), CutPolicy.KeepOutput);
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = parsed.GetValue(s_dtype)!, Device = parsed.GetValue(s_device)! });
        using var adapter = parsed.GetValue(s_adapter) is { } path ? PeftMethods.Load(model, path) : null;
        var loss = LossEvaluator.Loss(model, encoder.EncodeAll(chosen, split).Examples, parsed.GetValue(s_batch));
        var live = !Console.IsErrorRedirected;
        var answers = new AnswerGenerator(model, tokenizer, encoder, parsed.GetValue(s_maxNewTokens))
            .Answer(chosen, parsed.GetValue(s_batch), done => Console.Error.Write(live ? $"\r{done}/{chosen.Length} " : ""));
        var lines = Predictions.Of(chosen, answers);
        if (parsed.GetValue(s_predictions) is { } file)
            Predictions.Write(Path.GetFullPath(file), lines);
        Print(Predictions.Score(lines), loss, chosen.Length);
        return CommandLine.Success;
    }

    private static void Print(TripleReport report, double loss, int records)
    {
        if (Console.IsOutputRedirected)
        {
            var summary = new
            {
                Records = records,
                Loss = loss,
                report.Micro.Precision,
                report.Micro.Recall,
                report.Micro.F1,
                F1Low = report.F1Interval?.Low,
                F1High = report.F1Interval?.High,
                report.ParseFailureRate,
                report.ExactRecords,
                Relations = report.ByRelation.Select(pair => new { Relation = pair.Key, pair.Value.TruePositives, pair.Value.Predicted, pair.Value.Gold, pair.Value.F1 }),
            };
            Console.WriteLine(JsonSerializer.Serialize(summary, RunRequest.Json));
            return;
        }

        Line($"\n{records} records  loss {loss:F4}  F1 {report.Micro.F1:F4} [{report.F1Interval?.Low:F4}, {report.F1Interval?.High:F4}]");
        Line($"precision {report.Micro.Precision:F4}  recall {report.Micro.Recall:F4}  unreadable {report.ParseFailureRate:P1}  whole records right {report.ExactRecords:P1}");
        foreach (var (relation, counts) in report.ByRelation)
            Line($"  {relation}\t{counts.TruePositives} of {counts.Gold} found, {counts.Predicted} said, F1 {counts.F1:F4}");
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
