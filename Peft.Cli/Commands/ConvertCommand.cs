using System.CommandLine;
using Peft.Cli.Output;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Runtime;

namespace Peft.Cli.Commands;

/// <summary><c>peft convert</c>: an adapter that started from the base's weights (PiSSA, OLoRA) as a plain LoRA of twice the rank.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var (model, dtype, threads) = (CommandLine.BaseOption(), CommandLine.DtypeOption(), CommandLine.ThreadsOption());
        var json = CommandLine.JsonOption();
        var adapter = new Option<string>("--adapter") { Description = "Folder of the PiSSA or OLoRA adapter.", Required = true };
        var output = new Option<string>("--output") { Description = "Folder for the plain LoRA adapter.", Required = true };
        var command = new Command("convert", "Make a plain LoRA of a PiSSA or OLoRA adapter, which works on the unchanged base with any library.")
        {
            model, adapter, output, dtype, json, threads,
        };
        command.SetAction(parsed =>
        {
            var printer = new JobPrinter(parsed.GetValue(json));
            TorchRuntime.Initialize(parsed.GetValue(threads));
            printer.Stage("load");
            using var loaded = BaseModel.Load(parsed.GetValue(model)!, new ModelLoadOptions { Dtype = parsed.GetValue(dtype)! });
            using var from = PeftMethods.Load(loaded, parsed.GetValue(adapter)!);
            printer.Stage("convert");
            LoraConversion.SavePlain(from, parsed.GetValue(output)!);
            printer.Done(new { Output = parsed.GetValue(output) }, parsed.GetValue(output)!);
            return CommandLine.Success;
        });
        return command;
    }
}
