using System.CommandLine;
using System.Runtime.InteropServices;
using Peft.Cli.Serving;
using Peft.Core;
using Peft.Core.Runtime;

namespace Peft.Cli.Commands;

/// <summary><c>peft serve</c>: one resident process per base model that answers questions over a Unix socket and swaps adapters.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var (model, dtype, device, threads) = (CommandLine.BaseOption(), CommandLine.DtypeOption(), CommandLine.DeviceOption(), CommandLine.ThreadsOption());
        var socket = new Option<string>("--socket") { Description = "Path of the Unix socket to listen on.", Required = true };
        var idle = new Option<double>("--idle-minutes") { Description = "End after so many minutes without a question; 0 = never.", DefaultValueFactory = _ => 10 };
        var withStdin = new Option<bool>("--exit-with-stdin") { Description = "End when standard input closes, that is, when the parent process ends." };
        var command = new Command("serve", "Keep a base model in memory and answer questions over a local socket, with or without adapters.")
        {
            model, socket, idle, withStdin, dtype, device, threads,
        };
        command.SetAction(parsed => Run(
            parsed.GetValue(model)!,
            parsed.GetValue(socket)!,
            TimeSpan.FromMinutes(parsed.GetValue(idle)),
            parsed.GetValue(withStdin),
            parsed.GetValue(dtype)!,
            parsed.GetValue(device)!,
            parsed.GetValue(threads)));
        return command;
    }

    private static int Run(string folder, string socket, TimeSpan idle, bool withStdin, string dtype, string device, int threads)
    {
        if (socket.Length > 104)
            throw new PeftException($"--socket '{socket}' is {socket.Length} characters long; the system allows about 104. Choose a shorter path.");
        TorchRuntime.Initialize(threads);
        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, stop));
        if (withStdin)
            EndWithStandardInput(stop);
        using var model = new ResidentModel(folder, dtype, device);
        new ServeLoop(socket, idle, TimeProvider.System).Run(model, () => Console.WriteLine("""{"kind":"ready"}"""), stop.Token);
        return CommandLine.Success;
    }

    private static void End(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }

    private static void EndWithStandardInput(CancellationTokenSource stop)
    {
        var watcher = new Thread(() =>
        {
            while (Console.In.Read() >= 0)
            {
                // What is written there means nothing; only its end does.
            }

            stop.Cancel();
        })
        { IsBackground = true, Name = "stdin watcher" };
        watcher.Start();
    }
}
