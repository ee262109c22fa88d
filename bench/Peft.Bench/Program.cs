using Peft.Bench;
using Peft.Core;
using Peft.Core.Runtime;

// Usage: Peft.Bench [steps|decode|ops] [--model <folder>] [--threads N] [--steps N]
try
{
    var options = BenchOptions.Parse(args);
    TorchRuntime.Initialize(options.Threads);
    Console.WriteLine(options.Describe());
    var calibration = GemmCalibration.Run();
    Console.WriteLine(calibration.Describe());
    if (options.What is "steps" or "all")
        StepBench.Run(options, calibration);
    if (options.What is "decode" or "all")
        DecodeBench.Run(options);
    return 0;
}
catch (PeftException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 1;
}
