using System.CommandLine;
using BenchmarkDotNet.Running;
using Peft.Bench;
using Peft.Core;
using Peft.Core.Runtime;

if (args.FirstOrDefault() is "row" or "harness" or "kernels" or "--help" or "-h")
{
    var kernels = new Command("kernels", "Times single kernels with BenchmarkDotNet.");
    kernels.SetAction(_ =>
    {
        BenchmarkRunner.Run<KernelBenchmarks>();
    });
    var root = new RootCommand("Times training. Besides these there are: all, steps, decode, stream, shapes, mapping, qlora.") { RowOptions.Command(RowBench.Run), HarnessBench.Command(), kernels };
    try
    {
        return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }
    catch (PeftException error)
    {
        await Console.Error.WriteLineAsync(error.Message);
        return 1;
    }
}

// Usage: Peft.Bench [all|steps|decode|stream|shapes|mapping|qlora] [--model <folder>] [--threads N] [--steps N] …
try
{
    var options = BenchOptions.Parse(args);
    if (options.What == "hold")
    {
        MappingBench.Hold(options.Model);
        return 0;
    }

    TorchRuntime.Initialize(options.Threads);
    if (options.What == "qlora-run")
    {
        QloraBench.Measure(options);
        return 0;
    }

    Console.WriteLine(options.Describe());
    if (options.What == "qlora")
    {
        QloraBench.Run(options);
        return 0;
    }

    var calibration = GemmCalibration.Run();
    Console.WriteLine(calibration.Describe());
    if (options.What is "steps" or "all")
        StepBench.Run(options, calibration);
    if (options.What is "decode" or "all")
        DecodeBench.Run(options);
    if (options.What is "shapes")
        ShapesBench.Run(options, calibration);
    if (options.What is "stream")
    {
        using var half = RandomModel.HalfBillionQwen2();
        StreamBench.Run(half.Folder);
    }

    if (options.What is "mapping")
    {
        using var gigabyte = RandomModel.OneGigabyte();
        MappingBench.Run(gigabyte.Folder);
    }

    return 0;
}
catch (PeftException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 1;
}
