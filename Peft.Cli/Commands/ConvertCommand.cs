using System.CommandLine;
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
        var adapter = new Option<string>("--adapter") { Description = "Folder of the PiSSA or OLoRA adapter.", Required = true };
        var output = new Option<string>("--output") { Description = "Folder for the plain LoRA adapter.", Required = true };
        var command = new Command("convert", "Make a plain LoRA of a PiSSA or OLoRA adapter, which works on the unchanged base with any library.")
        {
            model, adapter, output, dtype, threads,
        };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize(parsed.GetValue(threads));
            using var loaded = BaseModel.Load(parsed.GetValue(model)!, new ModelLoadOptions { Dtype = parsed.GetValue(dtype)! });
            using var from = PeftMethods.Load(loaded, parsed.GetValue(adapter)!);
            LoraConversion.SavePlain(from, parsed.GetValue(output)!);
            Console.WriteLine(parsed.GetValue(output));
            return CommandLine.Success;
        });
        return command;
    }
}
