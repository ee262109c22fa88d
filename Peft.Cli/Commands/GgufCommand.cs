using System.CommandLine;
using Peft.Cli.Output;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Runtime;

namespace Peft.Cli.Commands;

/// <summary><c>peft gguf</c>: a LoRA adapter as a file for llama.cpp.</summary>
internal static class GgufCommand
{
    public static Command Create()
    {
        var (model, json, threads) = (CommandLine.BaseOption(), CommandLine.JsonOption(), CommandLine.ThreadsOption());
        var adapter = new Option<string>("--adapter") { Description = "Folder of the LoRA adapter.", Required = true };
        var output = new Option<string>("--output") { Description = "The .gguf file to write.", Required = true };
        var command = new Command("gguf", "Write a LoRA adapter as a GGUF file, which llama.cpp takes with --lora.") { model, adapter, output, json, threads };
        command.SetAction(parsed =>
        {
            var printer = new JobPrinter(parsed.GetValue(json));
            TorchRuntime.Initialize(parsed.GetValue(threads));
            printer.Stage("write");
            LoraGguf.Write(parsed.GetValue(adapter)!, ModelConfig.Load(parsed.GetValue(model)!), parsed.GetValue(output)!);
            printer.Done(new { Output = parsed.GetValue(output) }, parsed.GetValue(output)!);
            return CommandLine.Success;
        });
        return command;
    }
}
