using System.CommandLine;
using System.Text.Json;
using Peft.Cli.Serving;
using Peft.Core;
using Peft.Core.Runtime;

namespace Peft.Cli.Commands;

/// <summary><c>peft generate</c>: one question, answered as it is written; JSON lines when the output is piped.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var (model, dtype, device, threads) = (CommandLine.BaseOption(), CommandLine.DtypeOption(), CommandLine.DeviceOption(), CommandLine.ThreadsOption());
        var adapter = new Option<string?>("--adapter") { Description = "Adapter folder; without it the base model answers alone." };
        var instruction = new Option<string>("--instruction") { Description = "The instruction.", Required = true };
        var input = new Option<string>("--input") { Description = "The input the instruction is about.", DefaultValueFactory = _ => "" };
        var options = new GenerateOptions();
        var command = new Command("generate", "Answer one instruction with a base model and an adapter.") { model, adapter, instruction, input, dtype, device, threads };
        foreach (var option in options.All)
            command.Add(option);
        command.SetAction(parsed =>
        {
            var question = new ServeRequest { Adapter = parsed.GetValue(adapter), Instruction = parsed.GetValue(instruction), Input = parsed.GetValue(input) };
            var request = options.Apply(question, parsed);
            if (request.Problems() is { Count: > 0 } problems)
                throw new PeftException(string.Join(" ", problems));
            TorchRuntime.Initialize(parsed.GetValue(threads));
            using var resident = new ResidentModel(parsed.GetValue(model)!, parsed.GetValue(dtype)!, parsed.GetValue(device)!);
            return Run(resident, request);
        });
        return command;
    }

    private static int Run(ResidentModel model, ServeRequest request)
    {
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, key) =>
        {
            key.Cancel = true;
            stop.Cancel();
        };
        var piped = Console.IsOutputRedirected;
        void Write(ServeReply reply) => Console.WriteLine(JsonSerializer.Serialize(reply, ServeRequest.Json));
        var done = model.Answer(
            request,
            text =>
            {
                if (piped)
                    Write(new ServeReply(null, "token", text));
                else
                    Console.Write(text);
            },
            stop.Token);
        if (piped)
            Write(done);
        else
            Console.WriteLine();
        return CommandLine.Success;
    }
}
