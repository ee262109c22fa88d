namespace Workbench.Server.Planning;

/// <summary>
/// Times for a machine on which nothing has finished yet: processor seconds measured with the sample on two cores with AVX-512
/// (docs/decisions/0001), in proportion to the parameters of the base and spread over the cores. An order of magnitude, replaced by this
/// machine's own times as soon as a run has finished; on another device there is none.
/// </summary>
internal static class FirstEstimate
{
    /// <summary>Processor seconds per training record and million parameters, bfloat16; dev losses in between are a quarter of it.</summary>
    private const double TrainSeconds = 0.6 / 8 / 7.9;

    private const double DevShare = 1.25;

    /// <summary>Processor seconds per decoded answer and million parameters, bfloat16.</summary>
    private const double AnswerSeconds = 0.05 / 7.9;

    /// <summary>How much longer the same takes in float32.</summary>
    private const double Float32Factor = 1.9;

    /// <summary>Seconds from the start of the process to the first step.</summary>
    private const double StartSeconds = 5;

    public static double? Of(RunPlan plan)
    {
        if (plan.Config is null || plan.Draft.Device != "cpu")
            return null;
        var threads = plan.Draft.Threads > 0 ? Math.Min(plan.Draft.Threads, Environment.ProcessorCount) : Environment.ProcessorCount;
        var perCore = plan.Config.ParameterCount() / 1e6 * (plan.WeightBytes == 4 ? Float32Factor : 1) / threads;
        var records = (double)plan.Steps * plan.Arguments.PerDeviceTrainBatchSize * plan.Arguments.GradientAccumulationSteps;
        return StartSeconds + (perCore * ((records * TrainSeconds * DevShare) + (plan.TestRecords * AnswerSeconds)));
    }
}
