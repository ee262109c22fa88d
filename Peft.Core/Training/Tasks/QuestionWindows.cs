using Peft.Core.Data.Tasks;

namespace Peft.Core.Training.Tasks;

/// <summary>A question with a piece of its text.</summary>
/// <param name="Text">The ids.</param>
/// <param name="Offset">Number of the first token of the text in <c>Ids</c>.</param>
/// <param name="Spans">Start and end in the text of the text's tokens.</param>
/// <param name="AnswerStart">Token where the answer starts; the first token of all when it does not stand here.</param>
/// <param name="AnswerEnd">Token where the answer ends, inclusive.</param>
internal sealed record QuestionWindow(EncodedText Text, int Offset, IReadOnlyList<(int Start, int End)> Spans, int AnswerStart, int AnswerEnd)
    : EncodedText(Text.Ids, Text.Segments, Text.CutTokens);

/// <summary>
/// Cuts question and text into windows that share <c>doc_stride</c> tokens, as Hugging Face's question answering examples do; the question
/// stands in front of every one.
/// </summary>
internal sealed class QuestionWindows(TaskSetting setting)
{
    /// <summary>The windows of a question; at least one.</summary>
    /// <exception cref="PeftException">The question leaves no room for the text.</exception>
    public IReadOnlyList<QuestionWindow> Of(QuestionRecord record)
    {
        var tokenizer = setting.Tokenizer;
        var (front, middle, behind) = tokenizer.Pair;
        if (middle.Count == 0)
            middle = tokenizer.Encode("\n"); // a tokenizer that knows no pairs
        var question = tokenizer.Encode(record.Question);
        var text = tokenizer.EncodeWithOffsets(record.Context);
        var offset = front.Count + question.Length + middle.Count;
        var room = setting.MaxLength - offset - behind.Count;
        if (room < 1)
            throw new PeftException($"The question '{record.Question}' has {question.Length} tokens, which leaves no room for the text in max_length {setting.MaxLength}. Raise max_length.");
        var step = Math.Max(1, room - Math.Min(setting.Arguments.DocStride, room - 1));
        var windows = new List<QuestionWindow>();
        for (var from = 0; ; from += step)
        {
            var part = text.Skip(from).Take(room).ToArray();
            int[] ids = [.. front, .. question, .. middle, .. part.Select(token => token.Id), .. behind];
            var segments = setting.HasSegments ? ids.Select((_, i) => i < offset ? 0 : tokenizer.SecondSegment).ToArray() : null;
            (int Start, int End)[] spans = [.. part.Select(token => (token.Start, token.End))];
            var (start, end) = Place(record, spans);
            windows.Add(new QuestionWindow(new EncodedText(ids, segments), offset, spans, start < 0 ? 0 : offset + start, start < 0 ? 0 : offset + end));
            if (from + room >= text.Count)
                return windows;
        }
    }

    /// <summary>First and last token of the first answer in a window; −1 when it does not stand there whole.</summary>
    private static (int Start, int End) Place(QuestionRecord record, (int Start, int End)[] spans)
    {
        if (record.Answers.Count == 0)
            return (-1, -1);
        var (from, to) = (record.Answers[0].AnswerStart, record.Answers[0].AnswerStart + record.Answers[0].Text.Length);
        var start = Array.FindIndex(spans, span => span.End > from && span.End > span.Start);
        var end = Array.FindLastIndex(spans, span => span.Start < to && span.End > span.Start);
        return start >= 0 && end >= start && spans[start].Start <= from && spans[end].End >= to ? (start, end) : (-1, -1);
    }
}

/// <summary>
/// Chooses the answer among the best starts and ends of all windows of a text: the pair with the highest sum of scores that stands in the
/// text, in order, and is not too long.
/// </summary>
internal sealed class AnswerChoice(string context, int maxLength)
{
    private const int Considered = 20;
    private readonly List<(double Score, int Start, int End)> candidates = [];
    private double none = double.PositiveInfinity;

    /// <summary>Takes the scores of one window, one start and one end per token.</summary>
    public void Add(QuestionWindow window, float[] starts, float[] ends)
    {
        // The text has no answer only when every window says so.
        none = Math.Min(none, (double)starts[0] + ends[0]);
        foreach (var start in Best(starts, window))
        {
            foreach (var end in Best(ends, window).Where(end => end >= start && end - start < maxLength))
            {
                var (first, last) = (window.Spans[start - window.Offset].Start, window.Spans[end - window.Offset].End);
                if (last > first)
                    candidates.Add(((double)starts[start] + ends[end], first, last));
            }
        }
    }

    /// <summary>The best answer; the empty one when that may be and is likelier, or when nothing stands.</summary>
    public FoundAnswer Best(bool mayLack)
    {
        var ranked = candidates.OrderByDescending(candidate => candidate.Score).Take(Considered).ToList();
        if (ranked.Count == 0)
            return new FoundAnswer("", 0, 1);
        var scores = ranked.Select(candidate => candidate.Score).Concat(mayLack ? [none] : []).ToArray();
        var sum = scores.Sum(score => Math.Exp(score - scores.Max()));
        double Share(double score) => Math.Exp(score - scores.Max()) / sum;
        if (mayLack && none > ranked[0].Score)
            return new FoundAnswer("", 0, Share(none));
        var (best, start, end) = ranked[0];
        return new FoundAnswer(context[start..end], start, Share(best));
    }

    private static IEnumerable<int> Best(float[] scores, QuestionWindow window) =>
        Enumerable.Range(window.Offset, window.Spans.Count).OrderByDescending(i => scores[i]).Take(Considered);
}
