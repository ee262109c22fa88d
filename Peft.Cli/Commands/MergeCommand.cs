using System.CommandLine;
using System.Globalization;
using Peft.Cli.Output;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Serialization;

namespace Peft.Cli.Commands;

/// <summary><c>peft merge</c>: a base with an adapter added into its weights, as a Hugging Face folder of its own; or only the look at what would come out.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var (model, dtype, json, threads) = (CommandLine.BaseOption(), CommandLine.DtypeOption(), CommandLine.JsonOption(), CommandLine.ThreadsOption());
        var adapter = new Option<string>("--adapter") { Description = "Folder of the adapter (PEFT layout).", Required = true };
        var output = new Option<string?>("--output") { Description = "Folder for the merged model; must not hold weights yet. Left out, the merge is checked and taken out again." };
        var name = new Option<string?>("--name") { Description = "Name of the new model on its card; the folder's name if left out." };
        var baseName = new Option<string?>("--base_name") { Description = "Name of the base on the card; the folder's name if left out." };
        var shard = new Option<double>("--max_shard_size") { Description = "Largest size of a file of weights in GiB.", DefaultValueFactory = _ => 5 };
        var unsafely = new Option<bool>("--unsafe") { Description = "Skip the search for infinite and undefined numbers." };
        var command = new Command("merge", "Add an adapter into its base and write the result as a model of its own: weights, tokenizer, card.")
        {
            model, adapter, output, name, baseName, shard, unsafely, dtype, json, threads,
        };
        command.SetAction(parsed => Run(
            new Order(
                parsed.GetValue(model)!,
                parsed.GetValue(adapter)!,
                parsed.GetValue(output),
                parsed.GetValue(name),
                parsed.GetValue(baseName),
                parsed.GetValue(shard),
                !parsed.GetValue(unsafely),
                parsed.GetValue(dtype)!),
            new JobPrinter(parsed.GetValue(json)),
            parsed.GetValue(threads)));
        return command;
    }

    private static int Run(Order order, JobPrinter printer, int threads)
    {
        if (!(order.ShardGiB > 0))
            throw new PeftException($"--max_shard_size must be above 0, but is {order.ShardGiB.ToString(CultureInfo.InvariantCulture)}.");
        TorchRuntime.Initialize(threads);
        printer.Stage("load");
        var config = PeftConfig.Load(order.Adapter);
        var task = config.TaskType is { } name ? ModelTasks.Parse(name) : (ModelTask?)null;
        using var model = BaseModel.Load(order.Base, new ModelLoadOptions { Dtype = order.Dtype, Task = task });
        using var adapter = PeftMethods.Load(model, order.Adapter);
        printer.Stage("merge");
        var report = MergeCheck.Merge(model, adapter, order.Safe);
        var said = report.LargestDifference is { } difference
            ? string.Create(CultureInfo.InvariantCulture, $"outputs differ by at most {difference:G3} (largest output {report.LargestOutput:G3}); taken out again, they are {(report.Restored ? "the same bit for bit" : "not the same")}")
            : "merged";
        if (order.Output is not { } output)
        {
            printer.Done(report, said);
            return CommandLine.Success;
        }

        printer.Stage("write");
        ModelFolderWriter.Write(model, output, (long)(order.ShardGiB * (1L << 30)));
        File.WriteAllText(
            Path.Combine(output, "README.md"),
            MergedCard.Of(order.Name ?? Folder(output), order.BaseName ?? Folder(order.Base), model.Config, adapter.Config, order.Adapter, report));
        printer.Done(report, $"{output}: {said}");
        return CommandLine.Success;
    }

    private static string Folder(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(path));

    private sealed record Order(string Base, string Adapter, string? Output, string? Name, string? BaseName, double ShardGiB, bool Safe, string Dtype);
}
