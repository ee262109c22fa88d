using Peft.Core.Generation.Processors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>A row of the batch as processors see it.</summary>
/// <param name="Prompt">Which prompt it belongs to.</param>
/// <param name="Ids">Prompt with its padding, and what was written.</param>
internal readonly record struct ScoredRow(int Prompt, IReadOnlyList<long> Ids);

/// <summary>Processes the scores of the next token, and chooses one: the likeliest, or a draw.</summary>
internal sealed class TokenChoice : IDisposable
{
    private readonly bool draws;
    private readonly IReadOnlyList<LogitsProcessor> chain;
    private readonly torch.Generator? generator;

    public TokenChoice(GenerationOptions options, IReadOnlyList<LogitsProcessor> chain, Device device)
    {
        this.chain = chain;
        draws = options.DoSample;
        if (options is { DoSample: true, Seed: { } seed })
            generator = new torch.Generator((ulong)seed, device);
    }

    /// <summary>Scores [rows, V] after all processors.</summary>
    public Tensor Processed(Tensor scores, IReadOnlyList<ScoredRow> rows)
    {
        if (chain.Count == 0)
            return scores;
        var width = (int)scores.shape[1];
        var flat = scores.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        for (var r = 0; r < rows.Count; r++)
        {
            var ids = rows[r].Ids.ToArray();
            foreach (var processor in chain)
                processor.Apply(rows[r].Prompt, ids, flat.AsSpan(r * width, width));
        }

        return tensor(flat, rows.Count, width, device: scores.device);
    }

    /// <summary>An id per row of processed scores [rows, V].</summary>
    public long[] Next(Tensor scores) => (draws ? Draw(scores, 1).squeeze(1) : scores.argmax(-1)).cpu().data<long>().ToArray();

    /// <summary>Places drawn without putting back, [rows, count].</summary>
    public Tensor Draw(Tensor scores, long count) => scores.softmax(-1).multinomial(count, false, generator);

    public void Dispose() => generator?.Dispose();
}
