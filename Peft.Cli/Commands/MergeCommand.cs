using System.CommandLine;
using System.Globalization;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Serialization;

namespace Peft.Cli.Commands;

/// <summary><c>peft merge</c>: a base with an adapter added into its weights, as a Hugging Face folder of its own.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var (model, dtype, threads) = (CommandLine.BaseOption(), CommandLine.DtypeOption(), CommandLine.ThreadsOption());
        var adapter = new Option<string>("--adapter") { Description = "Folder of the adapter (PEFT layout).", Required = true };
        var output = new Option<string>("--output") { Description = "Folder for the merged model; must not hold weights yet.", Required = true };
        var shard = new Option<double>("--max_shard_size") { Description = "Largest size of a file of weights in GiB.", DefaultValueFactory = _ => 5 };
        var unsafely = new Option<bool>("--unsafe") { Description = "Skip the search for infinite and undefined numbers." };
        var command = new Command("merge", "Add an adapter into its base and write the result as a model of its own, tokenizer included.")
        {
            model, adapter, output, shard, unsafely, dtype, threads,
        };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!,
            parsed.GetValue(adapter)!,
            parsed.GetValue(output)!,
            parsed.GetValue(shard),
            !parsed.GetValue(unsafely),
            parsed.GetValue(dtype)!,
            parsed.GetValue(threads)));
        return command;
    }

    private static int Run(string folder, string adapterFolder, string output, double shardGiB, bool safe, string dtype, int threads)
    {
        if (!(shardGiB > 0))
            throw new PeftException($"--max_shard_size must be above 0, but is {shardGiB.ToString(CultureInfo.InvariantCulture)}.");
        TorchRuntime.Initialize(threads);
        var task = PeftConfig.Load(adapterFolder).TaskType is { } name ? ModelTasks.Parse(name) : (ModelTask?)null;
        using var model = BaseModel.Load(folder, new ModelLoadOptions { Dtype = dtype, Task = task });
        using var adapter = PeftMethods.Load(model, adapterFolder);
        adapter.Merge(safe);
        ModelFolderWriter.Write(model, output, (long)(shardGiB * (1L << 30)));
        Console.WriteLine(output);
        return CommandLine.Success;
    }
}
