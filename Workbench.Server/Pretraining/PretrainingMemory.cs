using Workbench.Server.Planning;

namespace Workbench.Server.Pretraining;

/// <summary>What making a base takes in memory: every weight in float32, its gradient and AdamW's two moments, and what the backward pass needs.</summary>
internal static class PretrainingMemory
{
    public static long Bytes(PretrainingPlan plan)
    {
        if (plan.Config is not { } config)
            return 0;
        return MemoryPlan.Estimate(
            config, [new Peft.Core.Methods.TrainableShape("", [config.ParameterCount()], InBase: true)], plan.Arguments, plan.Arguments.MaxLength, weightBytes: 0, trains: true).Total;
    }
}
