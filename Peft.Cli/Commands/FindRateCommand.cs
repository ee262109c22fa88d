using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Cli.Commands;

/// <summary><c>peft find-lr</c>: a short training with rising rates, and the rate that it suggests.</summary>
internal static class FindRateCommand
{
    public static Command Create()
    {
        var run = new Option<string?>("--order") { Description = "Folder with a run.json to search for; left out: the options of peft train." };
        var steps = new Option<int>("--search_steps") { Description = "Steps to try.", DefaultValueFactory = _ => LearningRateFinder.UsualSteps };
        var from = new Option<double>("--from") { Description = "Smallest rate.", DefaultValueFactory = _ => 1e-6 };
        var to = new Option<double>("--to") { Description = "Largest rate.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "Write a JSON line per step and one with the result." };
        var recipe = new Argument<string?>("recipe") { Description = "A recipe to search for.", Arity = ArgumentArity.ZeroOrOne };
        var order = new TrainOptions();
        var command = new Command("find-lr", "Find a learning rate: one short training whose rate rises from step to step; nothing is written.") { recipe, run, steps, from, to, json };
        foreach (var option in order.All)
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            var paths = new RunPaths(Path.GetFullPath(parsed.GetValue(run) ?? "."));
            var request = parsed.GetValue(run) is null ? order.Order(parsed, parsed.GetValue(recipe)) : RunDirectory.ReadRequest(paths);
            Action<object> write = what => Console.WriteLine(JsonSerializer.Serialize(what, RunRequest.Json));
            void Show(TriedRate tried)
            {
                if (parsed.GetValue(json))
                    write(tried);
                else
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tried.LearningRate,-12:G3} loss {tried.Loss:F4}  smooth {tried.Smooth:F4}"));
            }

            var found = LearningRateFinder.Find(paths, request, parsed.GetValue(steps), parsed.GetValue(from), parsed.GetValue(to), Show);
            if (parsed.GetValue(json))
                write(new { found.Suggested, found.Diverged, done = true });
            else
                Console.WriteLine(Sentence(found));
            return CommandLine.Success;
        });
        return command;
    }

    private static string Sentence(FoundRate found) => found switch
    {
        { Suggested: { } rate, Diverged: { } end } => string.Create(CultureInfo.InvariantCulture, $"try --learning_rate {rate:G2}; from {end:G2} on training diverges"),
        { Suggested: { } rate } => string.Create(CultureInfo.InvariantCulture, $"try --learning_rate {rate:G2}; no rate diverged, so a larger --to may show more"),
        _ => "the loss fell at no rate: look at the data, train more layers, or search with a larger --to",
    };
}
