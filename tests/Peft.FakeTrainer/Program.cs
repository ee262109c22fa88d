using System.Globalization;
using Peft.Core;
using Peft.Core.Runs;
using Peft.FakeTrainer;

// train --run <directory>                      what the server starts
// --write-series <runs folder> [runs] [steps]  finished runs with long logs
switch (args)
{
    case ["train", "--run", var root]:
        return Train(root);
    case ["--write-series", var folder, .. var numbers]:
        SeriesWriter.Write(folder, Number(numbers, 0, 10), Number(numbers, 1, 100_000));
        return 0;
    default:
        Console.Error.WriteLine("usage: train --run <directory> | --write-series <runs folder> [runs=10] [steps=100000]");
        return 2;
}

static int Number(string[] numbers, int at, int otherwise) => at < numbers.Length ? int.Parse(numbers[at], CultureInfo.InvariantCulture) : otherwise;

static int Train(string root)
{
    TrainerSession? session = null;
    try
    {
        session = TrainerSession.Open(root);
        return new FakeTraining(session, FakeOptions.Of(session.Request)).Run();
    }
    catch (PeftException e)
    {
        Console.Error.WriteLine(e.Message);
        TryReport(session, e.Message);
        return 1;
    }
    finally
    {
        session?.Dispose();
    }
}

// On a full disk the last word does not fit either; the server then reads the log and the exit code.
static void TryReport(TrainerSession? session, string message)
{
    try
    {
        session?.Log.Append(new RunStateChanged { State = TrainerState.Failed, Message = message });
    }
    catch (PeftException e)
    {
        Console.Error.WriteLine("The failure could not be recorded: " + e.Message);
    }
}
