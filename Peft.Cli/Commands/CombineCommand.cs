using System.CommandLine;
using Peft.Cli.Output;
using Peft.Core.Methods.Lora;
using Peft.Core.Runtime;

namespace Peft.Cli.Commands;

/// <summary><c>peft combine</c>: several LoRA adapters of one base as one, from their files alone.</summary>
internal static class CombineCommand
{
    public static Command Create()
    {
        var adapters = new Option<string[]>("--adapters") { Description = "Folders of the adapters.", Required = true, AllowMultipleArgumentsPerToken = true };
        var weights = new Option<double[]>("--weights") { Description = "How much each counts; negative takes it away.", Required = true, AllowMultipleArgumentsPerToken = true };
        var kind = new Option<string>("--method") { Description = string.Join(", ", LoraCombiner.Kinds) + ". svd and cat take adapters of different ranks.", DefaultValueFactory = _ => "svd" };
        var rank = new Option<int?>("--rank") { Description = "Rank of the result of svd; the largest of the adapters' if left out." };
        var density = new Option<double>("--density") { Description = "Share of numbers that ties and dare keep.", DefaultValueFactory = _ => 0.5 };
        var seed = new Option<int>("--seed") { Description = "Seed of what dare drops.", DefaultValueFactory = _ => 42 };
        var output = new Option<string>("--output") { Description = "Folder for the combined adapter.", Required = true };
        var (json, threads) = (CommandLine.JsonOption(), CommandLine.ThreadsOption());
        var command = new Command("combine", "Combine LoRA adapters of one base into one: weighted sums, SVD, TIES, DARE. The base is not needed.")
        {
            adapters, weights, kind, rank, density, seed, output, json, threads,
        };
        command.SetAction(parsed =>
        {
            var printer = new JobPrinter(parsed.GetValue(json));
            TorchRuntime.Initialize(parsed.GetValue(threads));
            printer.Stage("combine");
            var order = new CombinationOrder(parsed.GetValue(weights)!, parsed.GetValue(kind)!) { Rank = parsed.GetValue(rank), Density = parsed.GetValue(density), Seed = parsed.GetValue(seed) };
            LoraCombiner.Write(parsed.GetValue(adapters)!, order, parsed.GetValue(output)!, (done, total) => printer.Progress("combine", done, total));
            printer.Done(new { Output = parsed.GetValue(output) }, parsed.GetValue(output)!);
            return CommandLine.Success;
        });
        return command;
    }
}
