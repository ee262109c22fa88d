using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Peft.Cli.Output;
using Peft.Core;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Cli.Commands;

/// <summary><c>peft train</c>: carries out the order in a run directory, or makes the directory from options first.</summary>
internal static class TrainCommand
{
    /// <summary>How events are shown.</summary>
    public static Option<string> Log { get; } = LogOption();

    public static Command Create()
    {
        var run = new Option<string?>("--run") { Description = "Run directory with a run.json. A run that paused or died goes on from its newest checkpoint." };
        var recipe = new Argument<string?>("recipe") { Description = "A recipe to repeat (YAML, from peft export or the run page); options go over it.", Arity = ArgumentArity.ZeroOrOne };
        var order = new TrainOptions();
        var command = new Command("train", "Train an adapter, save it and score it on the test split.") { recipe, run, Log };
        foreach (var option in order.All)
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            var root = parsed.GetValue(run) ?? order.MakeRun(parsed, parsed.GetValue(recipe));
            return Train(root, parsed.GetValue(Log)!);
        });
        return command;
    }

    /// <summary>Carries out the order in a run directory, of whatever kind.</summary>
    public static int Train(string root, string log)
    {
        LowerPriority();
        using var interrupt = new CancellationTokenSource();
        void Pause(PosixSignalContext context)
        {
            // The first signal asks for a checkpoint and an orderly end; the second one is left to the system.
            context.Cancel = !interrupt.IsCancellationRequested;
            interrupt.Cancel();
        }

        using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Pause);
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Pause);
        using var printer = EventPrinter.Create(log);
        var state = RunTrainer.Run(root, observe: printer.Print, interrupt: interrupt.Token);
        return ExitCode.Of(state);
    }

    private static Option<string> LogOption()
    {
        var log = new Option<string>("--log") { Description = "bars, text or json; auto draws bars on a terminal and writes JSON lines elsewhere.", DefaultValueFactory = _ => "auto" };
        log.AcceptOnlyFromAmong(EventPrinter.Formats);
        return log;
    }

    /// <summary>Whoever serves people comes first. Threads inherit the priority, so this comes before the tensor library makes its own.</summary>
    private static void LowerPriority()
    {
        using var self = Process.GetCurrentProcess();
        try
        {
            self.PriorityClass = ProcessPriorityClass.BelowNormal;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or PlatformNotSupportedException)
        {
            Console.Error.WriteLine("warning: the priority could not be lowered: " + e.Message);
        }
    }
}
