using Peft.Core.Models.Blocks;
using Peft.Core.Models.Decoders;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// Writes the answers of a CPM-Bee sample: what is given is read once, then each answer is a segment of its own that begins at position 0.
/// </summary>
public static class CpmBeeGenerator
{
    private const float Forbidden = -10000;

    /// <summary>The likeliest tokens of every answer.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="given">The given tokens, at positions from 0.</param>
    /// <param name="answers">Segments to be written, in that order.</param>
    /// <param name="table">Numbered tokens that may be written; entry e is written as id V + e.</param>
    /// <param name="maxNewTokens">Tokens per answer at most.</param>
    /// <param name="endings">Ids that end an answer; the ending id is part of the result.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static long[][] Greedy(
        CpmBee model,
        CpmBeeRow given,
        IReadOnlyList<int> answers,
        IReadOnlyList<CpmBeeNumbered> table,
        int maxNewTokens,
        IReadOnlyList<int> endings,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(given);
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(endings);
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        var places = given.Places.Select(place => place with { IsGiven = true, IsReal = true }).ToList();
        var room = places.Count + (answers.Count * (maxNewTokens + 1)) + (model.Prefix?.Length ?? 0);
        using var cache = new KeyValueCache(model.Config, 1, room, model.DType, model.Device);
        model.Hidden(new CpmBeeText([new CpmBeeRow(places, given.Relations)]), cache);
        var mayBeUnknown = given.Places.Any(place => place is { Id: CpmBeeVocabularyIds.Unknown, Sub: 0 });
        return [.. answers.Select(Write)];

        long[] Write(int segment)
        {
            var written = new List<long>();
            var next = new CpmBeeNumbered(CpmBeeVocabularyIds.Start, 0);
            while (written.Count < maxNewTokens)
            {
                cancellation.ThrowIfCancellationRequested();
                places.Add(places[given.Places.Count - 1] with { Id = next.Id, Sub = next.Sub, Sample = 0, Segment = segment, Position = written.Count });
                var id = Next();
                written.Add(id);
                if (endings.Contains((int)id))
                    break;
                next = id < model.Config.VocabSize ? new CpmBeeNumbered(id, 0) : table[(int)(id - model.Config.VocabSize)];
            }

            return [.. written];
        }

        long Next()
        {
            using var step = NewDisposeScope();
            var hidden = model.Hidden(new CpmBeeText([new CpmBeeRow(places, given.Relations)]), cache);
            var scores = model.Logits(hidden.view(1, -1), table);
            if (!mayBeUnknown)
                scores[0, CpmBeeVocabularyIds.Unknown] = Forbidden;
            return scores.argmax(-1).item<long>();
        }
    }
}
