using Peft.Core.Generation;
using Peft.Core.Models;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>Greedy tokens against the recorded ones; a row that ended goes on with the pad id.</summary>
internal static class GreedyCheck
{
    public static void Run(
        CausalLanguageModel model, torch.Tensor ids, torch.Tensor mask, torch.Tensor expected, GenerationOptions options, long pad, GoldenReport report) =>
        Compare(Generator.Generate(model, ids, mask, options), expected, (int)ids.shape[1], pad, report);

    /// <param name="rows">New tokens per row.</param>
    /// <param name="expected">Recorded ids, with the prompt or start id in front.</param>
    /// <param name="skipped">How many recorded ids stand in front of the new ones.</param>
    /// <param name="pad">The id behind an ended row.</param>
    /// <param name="report">Takes the differences.</param>
    public static void Compare(long[][] rows, torch.Tensor expected, int skipped, long pad, GoldenReport report)
    {
        var width = (int)expected.shape[1] - skipped;
        for (var r = 0; r < rows.Length; r++)
        {
            var recorded = expected[r].data<long>().ToArray()[skipped..];
            var ours = rows[r].Concat(Enumerable.Repeat(pad, width)).Take(width).ToArray();
            report.Check(recorded.SequenceEqual(ours), $"greedy row {r}: {string.Join(' ', ours)} instead of {string.Join(' ', recorded)}");
        }
    }
}
