namespace Peft.Core.Data;

/// <summary>Cuts prompt and answer to a limit.</summary>
public static class LengthLimit
{
    /// <summary>Cuts a record; nothing is lost where it fits.</summary>
    /// <param name="prompt">Ids in front of the answer.</param>
    /// <param name="answer">Ids of the answer and its end.</param>
    /// <param name="limit">Most ids.</param>
    /// <param name="policy">What is lost.</param>
    /// <param name="tail">Ids at the end of the prompt that stay when its end is cut: the tag in front of the answer.</param>
    /// <returns>The example; null when the policy leaves it out.</returns>
    public static TokenizedExample? Cut(int[] prompt, int[] answer, int limit, CutPolicy policy, int tail = 0)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(answer);
        var cut = prompt.Length + answer.Length - limit;
        if (cut <= 0)
            return new TokenizedExample([.. prompt, .. answer], prompt.Length);
        switch (policy)
        {
            case CutPolicy.Drop:
                return null;
            case CutPolicy.Right:
                return new TokenizedExample([.. prompt.Concat(answer).Take(limit)], Math.Min(prompt.Length, limit), cut);
            case CutPolicy.Left:
                return new TokenizedExample([.. prompt.Concat(answer).Skip(cut)], Math.Max(0, prompt.Length - cut), cut);
            case CutPolicy.Proportional:
                var (kept, learnt) = Proportional(prompt.Length, answer.Length, limit);
                return new TokenizedExample([.. prompt.Take(kept), .. answer.Take(learnt)], kept, cut);
        }

        var output = answer.Take(limit).ToArray();
        var room = limit - output.Length;
        if (policy == CutPolicy.KeepOutputLeft)
            return new TokenizedExample([.. prompt.TakeLast(room), .. output], room, cut);
        var behind = Math.Min(tail, room);
        return new TokenizedExample([.. prompt.Take(room - behind), .. prompt.TakeLast(behind), .. output], room, cut);
    }

    /// <summary>Lengths of prompt and answer that fit a limit together. Source: LLaMA-Factory's <c>infer_seqlen</c>.</summary>
    /// <param name="prompt">Length of the prompt.</param>
    /// <param name="answer">Length of the answer.</param>
    /// <param name="limit">Most of both.</param>
    public static (int Prompt, int Answer) Proportional(int prompt, int answer, int limit)
    {
        var most = 2 * answer < limit ? limit
            : 2 * prompt < limit ? limit - prompt
            : (int)(limit * ((double)answer / (prompt + answer)));
        var learnt = Math.Min(most, answer);
        return (Math.Min(Math.Max(limit - learnt, 0), prompt), learnt);
    }

    /// <summary>Cuts an example whose learnt ids stand anywhere: at its beginning with <c>left</c> and <c>keep_output_left</c>, otherwise at its end.</summary>
    /// <param name="example">The example.</param>
    /// <param name="limit">Most ids.</param>
    /// <param name="policy">What is lost.</param>
    /// <returns>The example; null when the policy leaves it out, or nothing to learn is left.</returns>
    public static TokenizedExample? Cut(TokenizedExample example, int limit, CutPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(example);
        var cut = example.Length - limit;
        if (cut <= 0)
            return example;
        if (policy == CutPolicy.Drop)
            return null;
        var start = policy is CutPolicy.Left or CutPolicy.KeepOutputLeft ? cut : 0;
        var loss = Enumerable.Range(start, limit).Select(example.Learns).ToArray();
        return loss.Contains(true) ? TokenizedExample.Of(example.Ids[start..(start + limit)], loss, cut) : null;
    }
}
