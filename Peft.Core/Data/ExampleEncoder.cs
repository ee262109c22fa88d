using Peft.Core.Data.Tasks;
using Peft.Core.Tokenization;

namespace Peft.Core.Data;

/// <summary>
/// Turns records into ids. Prompt and answer are tokenised apart, so that a token never spans the border between what is given and what
/// is learnt. Thread-safe.
/// </summary>
public sealed class ExampleEncoder
{
    private readonly PretrainedTokenizer tokenizer;
    private readonly PromptTemplate template;
    private readonly int maxLength;
    private readonly CutPolicy policy;
    private readonly TrainOn trainOn;
    private readonly int tailLength;

    /// <summary>An encoder for one base and one limit.</summary>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="template">The base's prompt template.</param>
    /// <param name="maxLength">Most ids of a record.</param>
    /// <param name="policy">What happens to longer ones.</param>
    /// <param name="trainOn">What is learnt.</param>
    public ExampleEncoder(PretrainedTokenizer tokenizer, PromptTemplate template, int maxLength, CutPolicy policy = CutPolicy.Error, TrainOn trainOn = TrainOn.Answers)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        this.tokenizer = tokenizer;
        this.template = template;
        this.maxLength = maxLength;
        this.policy = policy;
        this.trainOn = trainOn;
        tailLength = tokenizer.Encode(template.Tail).Length;
    }

    /// <summary>Ids of what stands in front of a record's answer; of a conversation, of the assistant's last turn.</summary>
    /// <exception cref="PeftException">The record has no answer.</exception>
    public int[] Prompt(IDataRecord record) => record switch
    {
        InstructionRecord instruction => tokenizer.Encode(template.Prompt(instruction)),
        ChatRecord chat => tokenizer.Encode(template.Prompt(chat.Question, chat.Tools)),
        _ => throw new PeftException("A text without a question has no answer to write."),
    };

    /// <summary>Encodes a record.</summary>
    /// <param name="record">An instruction, a conversation or a text.</param>
    /// <param name="name">How to name it in a message, e.g. <c>train record 17</c>.</param>
    /// <returns>The example, or null when the policy leaves it out.</returns>
    /// <exception cref="PeftException">Its answer does not fit and the policy does not say to cut.</exception>
    public TokenizedExample? Encode(IDataRecord record, string name)
    {
        ArgumentNullException.ThrowIfNull(record);
        var pieces = Pieces(record, name);
        return Make(pieces, [.. pieces.Select(piece => tokenizer.Encode(piece.Text))], record, name);
    }

    /// <summary>A record as it is cut into tokens, with what becomes of each: for people to look at.</summary>
    /// <param name="record">An instruction, a conversation or a text.</param>
    /// <param name="name">How to name it in a message.</param>
    /// <exception cref="PeftException">As <see cref="Encode"/>.</exception>
    public IReadOnlyList<LaidPiece> Lay(IDataRecord record, string name)
    {
        ArgumentNullException.ThrowIfNull(record);
        var pieces = Pieces(record, name);
        var spans = pieces.Select(piece => tokenizer.EncodeWithOffsets(piece.Text)).ToArray();

        // The limit is applied to the numbers of the tokens, so that what comes out says which of them are left.
        var (numbers, next) = (new int[pieces.Count][], 0);
        for (var i = 0; i < pieces.Count; i++)
        {
            numbers[i] = [.. Enumerable.Range(next, spans[i].Count)];
            next += spans[i].Count;
        }

        var example = Make(pieces, numbers, record, name);
        var learnt = Enumerable.Range(0, example?.Length ?? 0).ToDictionary(t => example!.Ids[t], t => example!.Learns(t));
        return [.. pieces.Select((piece, i) => new LaidPiece(piece.Text, [.. spans[i].Select((span, t) =>
            new LaidToken(span, learnt.TryGetValue(numbers[i][t], out var learns), learns))]))];
    }

    /// <summary>Encodes many records in parallel and counts what the limit did.</summary>
    /// <param name="records">The records.</param>
    /// <param name="split">Name of the split for messages.</param>
    /// <exception cref="PeftException">An answer does not fit and the policy does not say to cut; the first such record is named.</exception>
    public EncodedSplit EncodeAll(IReadOnlyList<IDataRecord> records, string split)
    {
        ArgumentNullException.ThrowIfNull(records);
        var examples = new TokenizedExample?[records.Count];
        var failures = new PeftException?[records.Count];
        Parallel.For(0, records.Count, i =>
        {
            try
            {
                examples[i] = Encode(records[i], $"{split} record {i + 1}");
            }
            catch (PeftException e)
            {
                failures[i] = e;
            }
        });
        if (Array.Find(failures, failure => failure is not null) is { } first)
            throw first;
        var kept = examples.OfType<TokenizedExample>().ToArray();
        return new EncodedSplit(kept, kept.Count(e => e.CutTokens > 0), records.Count - kept.Length, kept.Sum(e => (long)e.CutTokens));
    }

    /// <summary>The texts of a record; answers have the number of their turn.</summary>
    private IReadOnlyList<TurnPiece> Pieces(IDataRecord record, string name) => record switch
    {
        InstructionRecord instruction => [new TurnPiece(template.Prompt(instruction), -1), new TurnPiece(template.Answer(instruction.Output), 0)],
        ChatRecord chat => template.Pieces(chat.Messages, chat.Tools),
        TextRecord text => [new TurnPiece(template.Around(text.Text), 0)],
        _ => throw new PeftException($"{Named(name, record)}: a record of this kind is not written token by token."),
    };

    private TokenizedExample? Make(IReadOnlyList<TurnPiece> pieces, int[][] ids, IDataRecord record, string name)
    {
        var last = pieces.Max(piece => piece.Turn);
        if (record is ChatRecord && trainOn != TrainOn.LastAnswer)
        {
            var whole = Marked(pieces, ids, piece => trainOn == TrainOn.Everything || piece.IsAnswer);
            return whole.Length > maxLength && policy == CutPolicy.Error ? WholeTurns(pieces, ids, whole, name, record) : LengthLimit.Cut(whole, maxLength, policy);
        }

        if (record is TextRecord)
            return LengthLimit.Cut(Marked(pieces, ids, _ => true), maxLength, policy);
        var at = Enumerable.Range(0, pieces.Count).First(i => pieces[i].Turn == last);
        if (record is ChatRecord && ids.Sum(piece => piece.Length) <= maxLength)
            return Marked(pieces, ids, piece => piece.Turn == last);
        var example = Limited([.. ids.Take(at).SelectMany(piece => piece)], ids[at], name, record, record is InstructionRecord ? tailLength : 0);
        return trainOn == TrainOn.Everything && example is not null ? new TokenizedExample(example.Ids, 0, example.CutTokens) : example;
    }

    /// <summary>As many whole turns of the assistant as fit.</summary>
    private TokenizedExample WholeTurns(IReadOnlyList<TurnPiece> pieces, int[][] ids, TokenizedExample whole, string name, IDataRecord record)
    {
        var (length, kept) = (0, 0);
        for (var i = 0; i < pieces.Count; i++)
        {
            length += ids[i].Length;
            if (pieces[i].IsAnswer && length <= maxLength)
                kept = length;
        }

        return kept > 0
            ? TokenizedExample.Of(whole.Ids[..kept], [.. Enumerable.Range(0, kept).Select(whole.Learns)], whole.Length - kept)
            : throw new PeftException($"{Named(name, record)}: not even the assistant's first turn fits into max_length {maxLength}. Raise max_length, shorten the conversation, or choose a cut policy.");
    }

    private TokenizedExample? Limited(int[] prompt, int[] answer, string name, IDataRecord record, int tail)
    {
        if (prompt.Length + answer.Length > maxLength && policy == CutPolicy.Error && answer.Length >= maxLength)
        {
            throw new PeftException(
                $"{Named(name, record)}: its output has {answer.Length} tokens, but max_length is {maxLength}. Raise max_length, shorten the output, or choose a cut policy.");
        }

        return LengthLimit.Cut(prompt, answer, maxLength, policy, tail);
    }

    private static TokenizedExample Marked(IReadOnlyList<TurnPiece> pieces, int[][] ids, Func<TurnPiece, bool> learns) => TokenizedExample.Of(
        [.. ids.SelectMany(piece => piece)],
        [.. ids.SelectMany((piece, i) => Enumerable.Repeat(learns(pieces[i]), piece.Length))]);

    /// <summary>Pieces cut into tokens one by one.</summary>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="pieces">The pieces in order.</param>
    /// <param name="learns">Which of them carry loss.</param>
    public static TokenizedExample Learnt(PretrainedTokenizer tokenizer, IReadOnlyList<TurnPiece> pieces, Func<TurnPiece, bool> learns)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(pieces);
        ArgumentNullException.ThrowIfNull(learns);
        return Marked(pieces, [.. pieces.Select(piece => tokenizer.Encode(piece.Text))], learns);
    }

    /// <summary>
    /// Prompt and answer cut into tokens together: all ids but the first ones carry loss, as many as the prompt has by itself. Where a token
    /// spans the border this differs from what <see cref="Encode"/> gives.
    /// </summary>
    /// <param name="ids">Ids of both.</param>
    /// <param name="promptLength">Ids of the prompt by itself.</param>
    public static TokenizedExample Joined(int[] ids, int promptLength)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return new TokenizedExample(ids, Math.Min(promptLength, ids.Length));
    }

    private static string Named(string name, IDataRecord record) => record.Id is { } id ? $"{name} ({id})" : name;
}

/// <summary>A token of a record and what becomes of it.</summary>
/// <param name="Span">Its id and place in the piece's text.</param>
/// <param name="Kept">Whether the length limit leaves it.</param>
/// <param name="Learns">Whether it carries loss.</param>
public readonly record struct LaidToken(TokenSpan Span, bool Kept, bool Learns);

/// <summary>A stretch of a record's text that is cut into tokens by itself.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">Its tokens.</param>
public sealed record LaidPiece(string Text, IReadOnlyList<LaidToken> Tokens);

/// <summary>The examples of a split and what the length limit did to them.</summary>
/// <param name="Examples">Examples in record order, without those left out.</param>
/// <param name="CutRecords">Records that lost tokens.</param>
/// <param name="DroppedRecords">Records left out.</param>
/// <param name="CutTokens">Tokens lost.</param>
public sealed record EncodedSplit(IReadOnlyList<TokenizedExample> Examples, int CutRecords, int DroppedRecords, long CutTokens);
