using System.CommandLine;
using Peft.Core.Runs;

namespace Peft.Cli.Commands;

/// <summary><c>peft pretrain</c>: makes a base from text; the order lies in a run directory as every other run's.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var run = new Option<string?>("--run") { Description = "Run directory with a run.json. A run that paused or died goes on from its newest checkpoint." };
        var order = new PretrainOptions();
        var command = new Command("pretrain", "Make a base model from text: masked LM, span corruption or causal LM, by the layout.") { run, TrainCommand.Log };
        foreach (var option in order.All)
            command.Options.Add(option);
        command.SetAction(parsed => TrainCommand.Train(parsed.GetValue(run) ?? order.MakeRun(parsed), parsed.GetValue(TrainCommand.Log)!));
        return command;
    }
}
