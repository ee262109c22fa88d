using Peft.Core.Tokenization;

namespace Peft.Core.Data;

/// <summary>
/// Turns records into ids. Prompt and answer are tokenised apart, so that a token never spans the border between what is given and what
/// is learnt.
/// </summary>
public sealed class ExampleEncoder
{
    private readonly PretrainedTokenizer tokenizer;
    private readonly PromptTemplate template;
    private readonly int maxLength;
    private readonly CutPolicy policy;
    private readonly int tailLength;

    /// <summary>An encoder for one base and one limit.</summary>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="template">The base's prompt template.</param>
    /// <param name="maxLength">Most ids of a record.</param>
    /// <param name="policy">What happens to longer ones.</param>
    public ExampleEncoder(PretrainedTokenizer tokenizer, PromptTemplate template, int maxLength, CutPolicy policy = CutPolicy.Error)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        this.tokenizer = tokenizer;
        this.template = template;
        this.maxLength = maxLength;
        this.policy = policy;
        tailLength = tokenizer.Encode(template.Tail).Length;
    }

    /// <summary>Ids of what stands in front of a record's answer.</summary>
    public int[] Prompt(InstructionRecord record) => tokenizer.Encode(template.Prompt(record));

    /// <summary>Encodes a record.</summary>
    /// <param name="record">The record.</param>
    /// <param name="name">How to name it in a message, e.g. <c>train record 17</c>.</param>
    /// <returns>The example, or null when the policy leaves it out.</returns>
    /// <exception cref="PeftException">Its answer does not fit and the policy does not say to cut.</exception>
    public TokenizedExample? Encode(InstructionRecord record, string name)
    {
        ArgumentNullException.ThrowIfNull(record);
        var prompt = Prompt(record);
        var answer = tokenizer.Encode(template.Answer(record.Output));
        if (prompt.Length + answer.Length <= maxLength)
            return new TokenizedExample([.. prompt, .. answer], prompt.Length);
        if (policy == CutPolicy.Error && answer.Length >= maxLength)
        {
            var id = record.Id is { } given ? $" ({given})" : "";
            throw new PeftException(
                $"{name}{id}: its output has {answer.Length} tokens, but max_length is {maxLength}. Raise max_length, shorten the output, or choose a cut policy.");
        }

        return Cut(prompt, answer, maxLength, policy, tailLength);
    }

    /// <summary>Encodes many records in parallel and counts what the limit did.</summary>
    /// <param name="records">The records.</param>
    /// <param name="split">Name of the split for messages.</param>
    /// <exception cref="PeftException">An answer does not fit and the policy does not say to cut; the first such record is named.</exception>
    public EncodedSplit EncodeAll(IReadOnlyList<InstructionRecord> records, string split)
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

    /// <summary>Cuts prompt and answer to a limit.</summary>
    internal static TokenizedExample? Cut(int[] prompt, int[] answer, int limit, CutPolicy policy, int tail)
    {
        var cut = prompt.Length + answer.Length - limit;
        switch (policy)
        {
            case CutPolicy.Drop:
                return null;
            case CutPolicy.Right:
                return new TokenizedExample([.. prompt.Concat(answer).Take(limit)], Math.Min(prompt.Length, limit), cut);
            case CutPolicy.Left:
                return new TokenizedExample([.. prompt.Concat(answer).Skip(cut)], Math.Max(0, prompt.Length - cut), cut);
        }

        var kept = answer.Take(limit).ToArray();
        var room = limit - kept.Length;
        if (policy == CutPolicy.KeepOutputLeft)
            return new TokenizedExample([.. prompt.TakeLast(room), .. kept], room, cut);
        var behind = Math.Min(tail, room);
        return new TokenizedExample([.. prompt.Take(room - behind), .. prompt.TakeLast(behind), .. kept], room, cut);
    }
}

/// <summary>The examples of a split and what the length limit did to them.</summary>
/// <param name="Examples">Examples in record order, without those left out.</param>
/// <param name="CutRecords">Records that lost tokens.</param>
/// <param name="DroppedRecords">Records left out.</param>
/// <param name="CutTokens">Tokens lost.</param>
public sealed record EncodedSplit(IReadOnlyList<TokenizedExample> Examples, int CutRecords, int DroppedRecords, long CutTokens);
