using System.Text.Json;
using Peft.Cli.Serving;

namespace Peft.Cli.Output;

/// <summary>Says how far a command is: JSON lines for a program that started it, a line at the end for people.</summary>
internal sealed class JobPrinter(bool json)
{
    /// <summary>A stage began: <c>load</c>, <c>check</c>, <c>merge</c>, <c>combine</c>, <c>convert</c>, <c>write</c>.</summary>
    public void Stage(string stage) => Line(new JobLine("stage", stage));

    /// <summary>A stage moved on.</summary>
    public void Progress(string stage, int done, int total) => Line(new JobLine("progress", stage, done, total));

    /// <summary>The command is done.</summary>
    /// <param name="result">What a program reads.</param>
    /// <param name="text">What a person reads.</param>
    public void Done(object result, string text)
    {
        if (json)
            Write(new { Kind = "done", Result = result });
        else
            Console.WriteLine(text);
    }

    private void Line(JobLine line)
    {
        if (json)
            Write(line);
    }

    private static void Write<T>(T line)
    {
        Console.Out.WriteLine(JsonSerializer.Serialize(line, ServeRequest.Json));
        Console.Out.Flush();
    }

    private sealed record JobLine(string Kind, string Stage, int? Done = null, int? Total = null);
}
