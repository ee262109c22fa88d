using Peft.Core.Methods;

namespace Peft.Core.Tests.Goldens;

/// <summary>The gradient of every base parameter against the recorded ones.</summary>
internal static class GradientCheck
{
    public static void Run(GoldenCase golden, PeftAdapter all, GoldenTensors io, GoldenReport report)
    {
        var state = all.State();
        var recorded = io.Names.Where(n => n.StartsWith("grad/", StringComparison.Ordinal)).Select(n => n["grad/".Length..]).ToList();
        report.Check(recorded.Count == state.Count, $"gradients: {state.Count} parameters instead of {recorded.Count}");
        foreach (var name in recorded)
        {
            if (state.TryGetValue(name, out var parameter) && parameter.grad is { } gradient)
                report.Close(io["grad/" + name], gradient, golden.Tolerance("grad"), "grad/" + name);
            else
                report.Check(false, $"grad/{name}: no gradient");
        }
    }
}
