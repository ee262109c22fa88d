using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Peft.Cli.Serving;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Runtime;
using Spectre.Console;

namespace Peft.Cli.Commands;

/// <summary><c>peft compare</c>: two adapters beside each other; a table for people, JSON when piped.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var first = new Argument<string>("first") { Description = "Folder of an adapter." };
        var second = new Argument<string>("second") { Description = "Folder of another." };
        var threads = CommandLine.ThreadsOption();
        var command = new Command("compare", "Compare two adapters: lengths and angles of their changes (LoRA) or tensors.") { first, second, threads };
        command.SetAction(parsed => Run(parsed.GetValue(first)!, parsed.GetValue(second)!, parsed.GetValue(threads)));
        return command;
    }

    private static int Run(string first, string second, int threads)
    {
        TorchRuntime.Initialize(threads);
        var changes = PeftConfig.Load(first) is LoraConfig && PeftConfig.Load(second) is LoraConfig;
        var rows = changes ? LoraComparison.OfChanges(first, second) : AdapterComparison.OfTensors(first, second);
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { Changes = changes, Rows = rows }, ServeRequest.Json));
            return CommandLine.Success;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns(changes ? "change of" : "tensor", "length in first", "length in second", "cosine");
        foreach (var row in rows)
            table.AddRow(new Text(row.Name), new Text(Number(row.First)), new Text(Number(row.Second)), new Text(Number(row.Cosine)));
        AnsiConsole.Write(table);
        return CommandLine.Success;
    }

    private static string Number(double? value) => value?.ToString("G4", CultureInfo.InvariantCulture) ?? "–";
}
