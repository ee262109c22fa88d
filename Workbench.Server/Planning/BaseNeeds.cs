using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;

namespace Workbench.Server.Planning;

/// <summary>What training a base takes on this machine, for every method, from its config alone.</summary>
internal static class BaseNeeds
{
    /// <summary>Bytes per frozen weight: 16 bits.</summary>
    private const int FrozenBytes = 2;

    public static ModelNeeds Of(ModelConfig config) => new(
        config.ParameterCount(),
        config.Dtype ?? "",
        config.NumHiddenLayers,
        config.HiddenSize,
        config.VocabSize,
        config.MaxPositionEmbeddings,
        MemoryPlan.Machine(),
        Memory(config),
        [.. PeftMethodRegistry.All.Select(method => Need(method, config))]);

    /// <summary>The catalogue's three columns.</summary>
    public static CatalogueMemory Memory(ModelConfig config)
    {
        var all = config.ParameterCount();
        var linears = config.Linears().Sum(linear => (long)linear.InFeatures * linear.OutFeatures);
        var adapter = Adapter(config);
        return new CatalogueMemory(
            MemoryPlan.ForOneText(config, weights: all * 4, trained: all),
            MemoryPlan.ForOneText(config, weights: all * FrozenBytes, trained: adapter),
            MemoryPlan.ForOneText(config, weights: (linears * MemoryPlan.Nf4Bits / 8 / 1000) + ((all - linears) * FrozenBytes), trained: adapter));
    }

    /// <summary>LoRA of rank 8 on every linear layer.</summary>
    private static long Adapter(ModelConfig config) =>
        new LoraConfig { TargetModules = ModuleSelector.FromPattern("all-linear") }.TrainableShapes(config).Sum(shape => shape.Count);

    private static MethodNeed Need(PeftMethodDescriptor method, ModelConfig config)
    {
        var family = MethodCatalog.FamilyOf(method.Name);
        try
        {
            var draft = new RunDraft { DatasetId = "", ModelId = "", PeftType = method.Name };
            var peft = PeftConfig.FromJson(DraftResolver.Resolve(draft, config.MaxPositionEmbeddings).Peft);
            var checks = peft.Validate(config);
            if (!checks.IsValid)
                return new MethodNeed(method.Name, method.DisplayName, family, 0, 0, string.Join(" ", checks.Problems.Select(problem => $"{problem.Field}: {problem.Message}")));
            var shapes = peft.TrainableShapes(config);
            var (trained, inBase) = (shapes.Sum(shape => shape.Count), shapes.Where(shape => shape.InBase).Sum(shape => shape.Count));
            // Trained base weights are float32; the frozen ones stay as the checkpoint has them.
            var weights = ((config.ParameterCount() - inBase) * FrozenBytes) + (inBase * 4);
            return new MethodNeed(method.Name, method.DisplayName, family, trained, MemoryPlan.ForOneText(config, weights, trained), null);
        }
        catch (PeftException refusal)
        {
            return new MethodNeed(method.Name, method.DisplayName, family, 0, 0, refusal.Message);
        }
    }
}
