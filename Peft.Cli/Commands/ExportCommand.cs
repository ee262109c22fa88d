using System.CommandLine;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Recipes;
using Peft.Core.Runs;

namespace Peft.Cli.Commands;

/// <summary><c>peft export</c>: a run as a recipe, as a script or config for other programs, or as one zip.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var names = Enum.GetValues<RunExportFormat>().ToDictionary(format => JsonNamingPolicy.SnakeCaseLower.ConvertName(format.ToString()), format => format);
        var run = new Option<string>("--run") { Description = "Run directory.", Required = true };
        var format = new Option<string>("--format") { Description = "recipe (YAML for peft train), hugging_face (Python for transformers and PEFT), llama_factory (YAML) or bundle (zip with settings, data hash, metrics and adapter).", DefaultValueFactory = _ => "recipe" };
        format.AcceptOnlyFromAmong([.. names.Keys]);
        var output = new Option<string?>("--output") { Description = "File to write; left out: standard output, or run.zip." };
        var command = new Command("export", "Write a run down for repeating it here or elsewhere.") { run, format, output };
        command.SetAction(parsed => Run(new RunPaths(Path.GetFullPath(parsed.GetValue(run)!)), names[parsed.GetValue(format)!], parsed.GetValue(output)));
        return command;
    }

    private static int Run(RunPaths paths, RunExportFormat format, string? output)
    {
        if (format == RunExportFormat.Bundle)
        {
            var file = output ?? RunExport.FileName(format);
            using (var stream = File.Create(file))
                RunExport.Bundle(paths, stream);
            Console.WriteLine(file);
        }
        else if (output is null)
        {
            Console.Out.Write(RunExport.Text(paths, format));
        }
        else
        {
            File.WriteAllText(output, RunExport.Text(paths, format));
            Console.WriteLine(output);
        }

        return CommandLine.Success;
    }
}
