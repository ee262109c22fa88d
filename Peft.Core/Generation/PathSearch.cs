using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// Follows one path per answer: the likeliest token at every step, or a drawn one. Rows that have ended leave the batch, so the last long
/// answer does not make the short ones cost again.
/// </summary>
internal sealed class PathSearch
{
    private readonly SearchRequest request;
    private readonly ITokenScorer scorer;
    private readonly TokenChoice choice;
    private readonly Path[] all;
    private Path[] open;

    public PathSearch(SearchRequest request, ITokenScorer scorer, TokenChoice choice)
    {
        (this.request, this.scorer, this.choice) = (request, scorer, choice);
        var copies = request.Options.NumReturnSequences;
        open = all = [.. request.Prompts.SelectMany((ids, p) => Enumerable.Range(0, copies).Select(c => new Path((p * copies) + c, p, ids)))];
    }

    public GenerationResult Run(CancellationToken cancellation)
    {
        var next = Choose(Start);
        for (var step = 1; ; step++)
        {
            var alive = Record(next);
            if (alive.Count == 0 || step >= request.Room)
                break;
            cancellation.ThrowIfCancellationRequested();
            if (alive.Count < open.Length)
            {
                scorer.KeepRows(alive);
                open = [.. alive.Select(i => open[i])];
            }

            next = Choose(() => scorer.Next([.. open.Select(path => path.Ids[^1])]));
        }

        return new GenerationResult([.. all.Select(path => path.Written.ToArray())], null);
    }

    /// <summary>Every prompt is read once, however many answers it gets.</summary>
    private Tensor Start()
    {
        var scores = scorer.Start();
        if (open.Length == request.Prompts.Count)
            return scores;
        scorer.KeepRows([.. open.Select(path => path.Prompt)]);
        return scores.index_select(0, tensor(open.Select(path => (long)path.Prompt).ToArray(), device: scores.device));
    }

    private long[] Choose(Func<Tensor> scores)
    {
        using var scope = NewDisposeScope();
        return choice.Next(choice.Processed(scores(), [.. open.Select(path => new ScoredRow(path.Prompt, path.Ids))]));
    }

    /// <summary>Stores the new ids, tells the listener, and returns the rows that go on.</summary>
    private List<int> Record(long[] ids)
    {
        var alive = new List<int>(ids.Length);
        var told = Enumerable.Repeat(-1L, all.Length).ToArray();
        for (var i = 0; i < ids.Length; i++)
        {
            var path = open[i];
            path.Add(ids[i]);
            told[path.Answer] = ids[i];
            if (!request.Ends(path.Written))
                alive.Add(i);
        }

        request.OnToken?.Invoke(told);
        return alive;
    }

    private sealed class Path(int answer, int prompt, long[] ids)
    {
        private readonly List<long> written = [];
        private readonly List<long> ids = [.. ids];

        public int Answer => answer;

        public int Prompt => prompt;

        public IReadOnlyList<long> Ids => ids;

        public IReadOnlyList<long> Written => written;

        public void Add(long id)
        {
            written.Add(id);
            ids.Add(id);
        }
    }
}
