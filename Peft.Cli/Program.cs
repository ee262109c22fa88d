using System.CommandLine;
using Peft.Cli;
using Peft.Cli.Commands;

var root = new RootCommand(
    "Parameter-efficient fine-tuning on this machine: the workers of PEFT Workbench, and the twin of every button. "
    + "Exit codes: 0 done, 1 refused or failed (the message says why), 3 paused (the same command resumes), 4 stopped early, 130 interrupted.");
root.Subcommands.Add(TrainCommand.Create());
root.Subcommands.Add(PretrainCommand.Create());
root.Subcommands.Add(EvaluateCommand.Create());
root.Subcommands.Add(GenerateCommand.Create());
root.Subcommands.Add(ServeCommand.Create());
root.Subcommands.Add(InspectCommand.Create());
root.Subcommands.Add(MergeCommand.Create());
root.Subcommands.Add(ExportCommand.Create());
root.Subcommands.Add(FindRateCommand.Create());
root.Subcommands.Add(ConvertCommand.Create());
root.Subcommands.Add(CombineCommand.Create());
root.Subcommands.Add(CompareCommand.Create());
root.Subcommands.Add(GgufCommand.Create());
root.Subcommands.Add(DownloadCommand.Create());
root.Subcommands.Add(DataCommand.Create());
return CommandLine.Run(root, args);
