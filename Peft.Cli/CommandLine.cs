using System.CommandLine;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;

namespace Peft.Cli;

/// <summary>Exit codes and the one place where a foreseen failure becomes a line for a person.</summary>
internal static class CommandLine
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>The input or a setting is wrong; the message says which.</summary>
    public const int Refused = 1;

    /// <summary>Ended by the person or the system (Ctrl+C, SIGTERM).</summary>
    public const int Cancelled = 130;

    public static int Run(RootCommand root, string[] args)
    {
        try
        {
            return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (OperationCanceledException)
        {
            return Cancelled;
        }
        catch (Exception error) when (error is PeftException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine("peft: " + error.Message);
            return Refused;
        }
    }

    /// <summary>Options that several commands share.</summary>
    public static Option<string> BaseOption() => new("--base") { Description = "Folder of the base model (Hugging Face layout).", Required = true };

    /// <summary>The task that was asked for, or that base and dataset suggest.</summary>
    public static ModelTask Task(string? name, string baseFolder, string dataset) =>
        name is null ? TaskChoice.Suggest(baseFolder, DatasetSnapshot.Open(dataset).Kind) : ModelTasks.Parse(name.ToUpperInvariant());

    public static Option<string> DtypeOption() => new("--dtype")
    {
        Description = "Dtype of the frozen weights: auto (bfloat16 where the CPU computes it fast), float32 or bfloat16.",
        DefaultValueFactory = _ => "auto",
    };

    public static Option<string> DeviceOption() => new("--device") { Description = "cpu, cuda or cuda:N.", DefaultValueFactory = _ => "cpu" };

    public static Option<bool> JsonOption() => new("--json") { Description = "Say how far it is and what came out as JSON lines, for a program that started it." };

    public static Option<int> ThreadsOption() => new("--threads") { Description = "Threads to compute with; 0 = all cores.", DefaultValueFactory = _ => 0 };
}
