using Peft.Core.Generation;
using Peft.Core.Models;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>Greedy tokens of a left-padded batch against the recorded ones; a row that ended goes on with the pad id.</summary>
internal static class GreedyCheck
{
    public static void Run(
        CausalLanguageModel model, torch.Tensor ids, torch.Tensor mask, torch.Tensor expected, GenerationOptions options, long pad, GoldenReport report)
    {
        var rows = Generator.Generate(model, ids, mask, options);
        var prompt = (int)ids.shape[1];
        var width = (int)expected.shape[1] - prompt;
        for (var r = 0; r < rows.Length; r++)
        {
            var recorded = expected[r].data<long>().ToArray()[prompt..];
            var ours = rows[r].Concat(Enumerable.Repeat(pad, width)).Take(width).ToArray();
            report.Check(recorded.SequenceEqual(ours), $"greedy row {r}: {string.Join(' ', ours)} instead of {string.Join(' ', recorded)}");
        }
    }
}
