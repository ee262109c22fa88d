using System.CommandLine;
using Peft.Cli;
using Peft.Cli.Commands;

var root = new RootCommand("Parameter-efficient fine-tuning on this machine: the workers of PEFT Workbench, and the twin of every button.");
root.Subcommands.Add(GenerateCommand.Create());
root.Subcommands.Add(ServeCommand.Create());
root.Subcommands.Add(InspectCommand.Create());
return CommandLine.Run(root, args);
