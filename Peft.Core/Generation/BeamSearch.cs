using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// Follows the likeliest few texts of each prompt at once and returns the best that ended. Steps, scores and stopping rules are those of
/// Hugging Face's <c>generate</c>; a beam's score is its log-probability divided by its length to the power of the length penalty.
/// </summary>
internal sealed class BeamSearch
{
    /// <summary>Worse than any real score; what it is added to is out of the running.</summary>
    private const float Never = -1.0e9f;

    private readonly SearchRequest request;
    private readonly GenerationOptions options;
    private readonly ITokenScorer scorer;
    private readonly TokenChoice choice;
    private readonly int kept;
    private readonly Group[] groups;

    public BeamSearch(SearchRequest request, ITokenScorer scorer, TokenChoice choice)
    {
        (this.request, this.scorer, this.choice) = (request, scorer, choice);
        options = request.Options;

        // Enough continuations that some go on even if every beam could end in every way.
        kept = Math.Max(2, 1 + options.EosTokenIds.Count) * options.NumBeams;
        groups = [.. Enumerable.Range(0, request.Prompts.Count).Select(_ => new Group(options.NumBeams))];
    }

    public GenerationResult Run(CancellationToken cancellation)
    {
        for (var written = 1; ; written++)
        {
            bool allEnded;
            using (NewDisposeScope())
                allEnded = Extend(written == 1 ? Start() : scorer.Next([.. groups.SelectMany(g => g.Running).Select(beam => beam.Written[^1])]), written);
            foreach (var group in groups)
                group.CanImprove &= CanImprove(group, written);
            var full = options.EarlyStopping == EarlyStopping.WhenFull && groups.All(g => g.IsFull);
            if (allEnded || full || !groups.Any(g => g.CanImprove))
                break;
            cancellation.ThrowIfCancellationRequested();
            scorer.KeepRows([.. groups.SelectMany((g, p) => g.Running.Select(beam => (p * options.NumBeams) + beam.Parent))]);
        }

        var best = groups.SelectMany(g => g.Ended.Take(options.NumReturnSequences)).ToList();
        return new GenerationResult([.. best.Select(beam => beam.Written)], [.. best.Select(beam => beam.Score)]);
    }

    /// <summary>Every prompt is read once; its beams start alike, and only the first counts.</summary>
    private Tensor Start()
    {
        var rows = Enumerable.Range(0, groups.Length).SelectMany(p => Enumerable.Repeat(p, options.NumBeams)).ToArray();
        var scores = scorer.Start();
        scorer.KeepRows(rows);
        return scores.index_select(0, tensor(rows.Select(r => (long)r).ToArray(), device: scores.device));
    }

    /// <summary>One more token for every beam; true when every continuation that was looked at has ended.</summary>
    private bool Extend(Tensor scores, int written)
    {
        var vocabulary = scores.shape[1];
        var running = groups.SelectMany((g, p) => g.Running.Select(beam => new ScoredRow(p, [.. request.Prompts[p], .. beam.Written]))).ToList();
        var logs = choice.Processed(scores.to(ScalarType.Float32).log_softmax(-1), running);
        var sums = logs + tensor(groups.SelectMany(g => g.Running).Select(beam => beam.Score).ToArray(), device: logs.device).unsqueeze(1);
        sums = sums.view(groups.Length, options.NumBeams * vocabulary);
        var count = Math.Min(kept, sums.shape[1]);
        Tensor places, values;
        if (options.DoSample)
        {
            places = choice.Draw(sums, count);
            values = sums.gather(1, places);
        }
        else
        {
            (values, places) = sums.topk((int)count, -1);
        }

        var (flatPlaces, flatValues) = (places.cpu().contiguous().data<long>().ToArray(), values.cpu().contiguous().data<float>().ToArray());
        var allEnded = true;
        for (var p = 0; p < groups.Length; p++)
        {
            var continuations = new Beam[count];
            for (var c = 0; c < count; c++)
            {
                var (place, score) = (flatPlaces[(p * count) + c], flatValues[(p * count) + c]);
                var parent = (int)(place / vocabulary);
                long[] tokens = [.. groups[p].Running[parent].Written, place % vocabulary];
                continuations[c] = new Beam(tokens, score, written >= request.Room || request.Ends(tokens), parent);
            }

            allEnded &= continuations.All(beam => beam.HasEnded);
            Update(groups[p], continuations, written);
        }

        return allEnded;
    }

    private void Update(Group group, Beam[] continuations, int written)
    {
        group.Running = Best(continuations.Select(beam => beam with { Score = beam.Score + (beam.HasEnded ? Never : 0) }));

        // Only the best few may end now; the others were kept to have something to go on with.
        var closed = (group.IsFull && options.EarlyStopping == EarlyStopping.WhenFull ? Never : 0) + (group.CanImprove ? 0 : Never);
        var length = Power(written);
        var candidates = continuations.Select((beam, i) =>
        {
            var ends = beam.HasEnded && i < options.NumBeams;
            return beam with { HasEnded = ends, Score = (beam.Score / length) + closed + (ends ? 0 : Never) };
        });
        group.Ended = Best(group.Ended.Concat(candidates));
    }

    private Beam[] Best(IEnumerable<Beam> beams) => [.. beams.OrderByDescending(beam => beam.Score).Take(options.NumBeams)];

    /// <summary>Whether the best open beam could still beat the worst that ended.</summary>
    private bool CanImprove(Group group, int written)
    {
        // With a reward for length an open beam could be best at its full length; "never" waits for that.
        var length = options.EarlyStopping == EarlyStopping.Never && options.LengthPenalty > 0 ? request.Room : written;
        var reachable = group.Running[0].Score / Power(length);
        var worst = group.Ended.Min(beam => beam.Score);
        return group.Ended.Any(beam => reachable > (beam.HasEnded ? worst : Never));
    }

    private float Power(int length) => (float)Math.Pow(length, options.LengthPenalty);

    /// <param name="Written">New tokens.</param>
    /// <param name="Score">Log-probability while it runs, the final score when it has ended.</param>
    /// <param name="HasEnded">Whether its last token ends it.</param>
    /// <param name="Parent">Which beam of the step before it continues.</param>
    private sealed record Beam(long[] Written, float Score, bool HasEnded, int Parent);

    /// <summary>The beams of one prompt, best first.</summary>
    private sealed class Group(int beams)
    {
        public Beam[] Running { get; set; } = [.. Enumerable.Range(0, beams).Select(i => new Beam([], i == 0 ? 0 : Never, false, i))];

        public Beam[] Ended { get; set; } = [.. Enumerable.Range(0, beams).Select(i => new Beam([], Never, false, i))];

        public bool CanImprove { get; set; } = true;

        public bool IsFull => Ended.All(beam => beam.HasEnded);
    }
}
