using System.CommandLine;
using System.Text.Json;
using Peft.Cli.Serving;
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
        var tokens = new Option<int>("--max-new-tokens") { Description = "Tokens to write at most.", DefaultValueFactory = _ => 128 };
        var sample = new Option<bool>("--do-sample") { Description = "Draw tokens instead of taking the most probable one." };
        var temperature = new Option<double>("--temperature") { Description = "With --do-sample: below 1 sharpens, above 1 flattens.", DefaultValueFactory = _ => 0.7 };
        var topP = new Option<double>("--top-p") { Description = "With --do-sample: smallest set of tokens with this probability.", DefaultValueFactory = _ => 0.9 };
        var seed = new Option<long>("--seed") { Description = "With --do-sample: makes the draw repeatable.", DefaultValueFactory = _ => 42 };
        var command = new Command("generate", "Answer one instruction with a base model and an adapter.")
        {
            model, adapter, instruction, input, tokens, sample, temperature, topP, seed, dtype, device, threads,
        };
        command.SetAction(parsed =>
        {
            var request = new ServeRequest
            {
                Adapter = parsed.GetValue(adapter),
                Instruction = parsed.GetValue(instruction),
                Input = parsed.GetValue(input),
                MaxNewTokens = parsed.GetValue(tokens),
                DoSample = parsed.GetValue(sample),
                Temperature = parsed.GetValue(temperature),
                TopP = parsed.GetValue(topP),
                Seed = parsed.GetValue(seed),
            };
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
