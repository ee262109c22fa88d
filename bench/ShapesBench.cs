namespace Peft.Bench;

/// <summary>One LoRA step (r 8 on q and v, loss over every token) of two other shapes, for comparison with other libraries.</summary>
internal static class ShapesBench
{
    public static void Run(BenchOptions options, GemmCalibration calibration)
    {
        var common = options with { Methods = ["LORA"], Targets = "q_proj,v_proj", LossShare = 1 };
        using (var small = RandomModel.TenMillion())
            StepBench.Run(common with { Model = small.Folder, Batch = 8, Length = 256, Dtypes = ["float32", "bfloat16"] }, calibration);
        using var half = RandomModel.HalfBillion();
        StepBench.Run(common with { Model = half.Folder, Batch = 2, Length = 512, Dtypes = ["bfloat16"], Steps = Math.Min(options.Steps, 3) }, calibration);
    }
}
