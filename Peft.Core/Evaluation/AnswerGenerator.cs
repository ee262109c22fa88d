using Peft.Core.Data;
using Peft.Core.Generation;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using static TorchSharp.torch;

namespace Peft.Core.Evaluation;

/// <summary>Lets a model answer many records: greedy, in batches of similar length, results in the order of the records.</summary>
public sealed class AnswerGenerator
{
    private readonly CausalLanguageModel model;
    private readonly PretrainedTokenizer tokenizer;
    private readonly ExampleEncoder encoder;
    private readonly GenerationOptions options;

    /// <summary>A generator for one base.</summary>
    public AnswerGenerator(CausalLanguageModel model, PretrainedTokenizer tokenizer, ExampleEncoder encoder, int maxNewTokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        this.model = model;
        this.tokenizer = tokenizer;
        this.encoder = encoder;
        options = new GenerationOptions { MaxNewTokens = maxNewTokens, EosTokenIds = EosIds(model.Config, tokenizer) };
    }

    /// <summary>The ids that end an answer: what config and tokenizer name.</summary>
    public static IReadOnlyList<int> EosIds(ModelConfig config, PretrainedTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokenizer);
        return [.. config.EosTokenIds.Concat(tokenizer.EosId is { } id ? [id] : []).Distinct()];
    }

    /// <summary>The answers of records.</summary>
    /// <param name="records">The records.</param>
    /// <param name="batchSize">Records decoded together.</param>
    /// <param name="between">Called after every batch with the number of records done; may throw to end early.</param>
    /// <param name="cancellation">Ends decoding between two tokens.</param>
    public string[] Answer(IReadOnlyList<IDataRecord> records, int batchSize, Action<int>? between = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        var prompts = records.Select(encoder.Prompt).ToArray();
        var answers = new string[records.Count];
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            var done = 0;
            foreach (var rows in Enumerable.Range(0, records.Count).OrderBy(i => prompts[i].Length).Chunk(batchSize))
            {
                using var scope = NewDisposeScope();
                var (ids, mask) = LeftPadded([.. rows.Select(i => prompts[i])], model.Config.PadTokenId ?? 0);
                var generated = Generation.Generator.Generate(model, ids, mask, options, null, cancellation);
                for (var r = 0; r < rows.Length; r++)
                    answers[rows[r]] = tokenizer.Decode(generated[r].Select(id => (int)id), skipSpecialTokens: true);
                done += rows.Length;
                between?.Invoke(done);
            }
        }
        finally
        {
            model.Training = wasTraining;
        }

        return answers;
    }

    /// <summary>Ids and mask [B, T] with shorter rows padded on the left; the mask is null when nothing is padded.</summary>
    internal static (Tensor Ids, Tensor? Mask) LeftPadded(IReadOnlyList<int[]> rows, int padId)
    {
        var width = rows.Max(row => row.Length);
        var (ids, mask) = (new long[rows.Count * width], new long[rows.Count * width]);
        for (var r = 0; r < rows.Count; r++)
        {
            var start = width - rows[r].Length;
            for (var t = 0; t < width; t++)
            {
                ids[(r * width) + t] = t < start ? padId : rows[r][t - start];
                mask[(r * width) + t] = t < start ? 0 : 1;
            }
        }

        return (tensor(ids, rows.Count, width), rows.All(row => row.Length == width) ? null : tensor(mask, rows.Count, width));
    }
}
