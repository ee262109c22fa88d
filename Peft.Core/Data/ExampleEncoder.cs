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
        return record switch
        {
            InstructionRecord instruction => Instruction(instruction, name),
            ChatRecord chat => Chat(chat, name),
            TextRecord text => Fit(Learnt([new TurnPiece(template.Around(text.Text), 0)], _ => true)),
            _ => throw new PeftException($"{Named(name, record)}: a record of this kind is not written token by token."),
        };
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

    private TokenizedExample? Instruction(InstructionRecord record, string name)
    {
        var example = Limited(Prompt(record), tokenizer.Encode(template.Answer(record.Output)), name, record, tailLength);
        return trainOn == TrainOn.Everything && example is not null ? new TokenizedExample(example.Ids, 0, example.CutTokens) : example;
    }

    private TokenizedExample? Chat(ChatRecord record, string name)
    {
        var pieces = template.Pieces(record.Messages, record.Tools);
        var last = pieces.Max(piece => piece.Turn);
        if (trainOn == TrainOn.LastAnswer)
        {
            var at = Enumerable.Range(0, pieces.Count).First(i => pieces[i].Turn == last);
            int[] prompt = [.. pieces.Take(at).SelectMany(piece => tokenizer.Encode(piece.Text))];
            var answer = tokenizer.Encode(pieces[at].Text);
            var behind = pieces.Skip(at + 1).SelectMany(piece => tokenizer.Encode(piece.Text)).ToArray();
            return prompt.Length + answer.Length + behind.Length <= maxLength
                ? Learnt(pieces, piece => piece.Turn == last)
                : Limited(prompt, answer, name, record, tail: 0);
        }

        var whole = Learnt(pieces, piece => trainOn == TrainOn.Everything || piece.IsAnswer);
        return whole.Length > maxLength && policy == CutPolicy.Error ? WholeTurns(pieces, whole, name, record) : Fit(whole);
    }

    /// <summary>As many whole turns of the assistant as fit.</summary>
    private TokenizedExample WholeTurns(IReadOnlyList<TurnPiece> pieces, TokenizedExample whole, string name, IDataRecord record)
    {
        var (length, kept) = (0, 0);
        foreach (var piece in pieces)
        {
            length += tokenizer.Encode(piece.Text).Length;
            if (piece.IsAnswer && length <= maxLength)
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

    private TokenizedExample? Fit(TokenizedExample example) => LengthLimit.Cut(example, maxLength, policy);

    /// <summary>Pieces cut into tokens one by one.</summary>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="pieces">The pieces in order.</param>
    /// <param name="learns">Which of them carry loss.</param>
    public static TokenizedExample Learnt(PretrainedTokenizer tokenizer, IReadOnlyList<TurnPiece> pieces, Func<TurnPiece, bool> learns)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(pieces);
        ArgumentNullException.ThrowIfNull(learns);
        var (ids, loss) = (new List<int>(), new List<bool>());
        foreach (var piece in pieces)
        {
            var tokens = tokenizer.Encode(piece.Text);
            ids.AddRange(tokens);
            loss.AddRange(Enumerable.Repeat(learns(piece), tokens.Length));
        }

        return TokenizedExample.Of([.. ids], [.. loss]);
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

    private TokenizedExample Learnt(IReadOnlyList<TurnPiece> pieces, Func<TurnPiece, bool> learns) => Learnt(tokenizer, pieces, learns);

    private static string Named(string name, IDataRecord record) => record.Id is { } id ? $"{name} ({id})" : name;
}

/// <summary>The examples of a split and what the length limit did to them.</summary>
/// <param name="Examples">Examples in record order, without those left out.</param>
/// <param name="CutRecords">Records that lost tokens.</param>
/// <param name="DroppedRecords">Records left out.</param>
/// <param name="CutTokens">Tokens lost.</param>
public sealed record EncodedSplit(IReadOnlyList<TokenizedExample> Examples, int CutRecords, int DroppedRecords, long CutTokens);
