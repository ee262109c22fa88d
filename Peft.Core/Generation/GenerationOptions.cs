namespace Peft.Core.Generation;

/// <summary>When a beam search has seen enough: Hugging Face's <c>early_stopping</c>.</summary>
public enum EarlyStopping
{
    /// <summary>As soon as no beam that is still open seems able to beat those that ended (<c>false</c>).</summary>
    Heuristic,

    /// <summary>As soon as as many beams have ended as there are beams (<c>true</c>).</summary>
    WhenFull,

    /// <summary>Only when no open beam can win any more, even at its full length (<c>never</c>).</summary>
    Never,
}

/// <summary>A score added to the last token of a sequence whenever the tokens in front of it have just been written.</summary>
/// <param name="Ids">The sequence.</param>
/// <param name="Bias">Added to the score of its last token.</param>
public sealed record SequenceBias(IReadOnlyList<int> Ids, double Bias);

/// <summary>Makes endings likelier the longer a text is.</summary>
/// <param name="Start">New tokens after which it begins.</param>
/// <param name="Factor">The size of the ending's score grows with this to the power of the tokens since.</param>
public sealed record LengthDecay(int Start, double Factor);

/// <summary>
/// How text is generated. Names, meaning and defaults follow Hugging Face's generation config; presence and frequency penalty are those of
/// OpenAI's interface. <see cref="Validate"/> collects everything that cannot work.
/// </summary>
public sealed partial record GenerationOptions
{
    /// <summary>Tokens generated per row at most.</summary>
    public int MaxNewTokens { get; init; } = 100;

    /// <summary>Tokens of a row at most, prompt and padding (or the decoder's start id) included; null leaves it to <see cref="MaxNewTokens"/>. The smaller limit counts.</summary>
    public int? MaxLength { get; init; }

    /// <summary>No ending before so many new tokens.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>No ending before so many tokens, prompt and padding included.</summary>
    public int MinLength { get; init; }

    /// <summary>False takes the most likely token every time; true draws.</summary>
    public bool DoSample { get; init; }

    /// <summary>Divides the scores before drawing: below 1 bolder towards the likely, above 1 more varied.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among the k most likely tokens only (ties at the border stay in); 0 means all.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Draw among the most likely tokens that together reach this probability; 1 means all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Draw only among tokens at least this share as likely as the most likely one; 0 means all.</summary>
    public double MinP { get; init; }

    /// <summary>Draw among the tokens whose surprise is nearest to the expected one and that together reach this probability; 1 means all. https://arxiv.org/abs/2202.00666</summary>
    public double TypicalP { get; init; } = 1;

    /// <summary>Draw only among tokens at least so likely; 0 means all. https://arxiv.org/abs/2210.15191</summary>
    public double EpsilonCutoff { get; init; }

    /// <summary>As <see cref="EpsilonCutoff"/>, lowered where the next token is uncertain; 0 means all. https://arxiv.org/abs/2210.15191</summary>
    public double EtaCutoff { get; init; }

    /// <summary>Above 1 makes tokens that stand in the prompt or were written less likely; 1 changes nothing. https://arxiv.org/abs/1909.05858</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Above 1 makes tokens of the input likelier; 1 changes nothing.</summary>
    public double EncoderRepetitionPenalty { get; init; } = 1;

    /// <summary>Taken from the score of every token that was written before, once. Prompt tokens do not count.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Taken from the score of a token as often as it was written. Prompt tokens do not count.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>No run of so many tokens occurs twice; 0 allows all.</summary>
    public int NoRepeatNGramSize { get; init; }

    /// <summary>No run of so many tokens is copied from the input; 0 allows all.</summary>
    public int EncoderNoRepeatNGramSize { get; init; }

    /// <summary>Sequences of ids that are never completed.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWordsIds { get; init; } = [];

    /// <summary>Scores added to sequences.</summary>
    public IReadOnlyList<SequenceBias> SequenceBias { get; init; } = [];

    /// <summary>Ids that are never written.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary>Ids that are not written first.</summary>
    public IReadOnlyList<int> BeginSuppressTokens { get; init; } = [];

    /// <summary>The id behind the very first one (of a decoder that starts with one id); null leaves it to the model.</summary>
    public int? ForcedBosTokenId { get; init; }

    /// <summary>The id that takes the last place when the limit is reached; null leaves it to the model.</summary>
    public int? ForcedEosTokenId { get; init; }

    /// <summary>Makes endings likelier the longer a text is; null does not.</summary>
    public LengthDecay? ExponentialDecayLengthPenalty { get; init; }

    /// <summary>Whether scores are made log-probabilities again after all processing.</summary>
    public bool RenormalizeLogits { get; init; }

    /// <summary>Whether scores that are no numbers or infinite are replaced.</summary>
    public bool RemoveInvalidValues { get; init; }

    /// <summary>Beams of a beam search; 1 follows one path.</summary>
    public int NumBeams { get; init; } = 1;

    /// <summary>Answers per prompt: drawn ones, or the best beams.</summary>
    public int NumReturnSequences { get; init; } = 1;

    /// <summary>A beam's score is its log-probability divided by its length to this power: above 0 favours long answers, below 0 short ones.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When a beam search has seen enough.</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary>Seed of the draws; null takes the tensor library's global generator.</summary>
    public long? Seed { get; init; }

    /// <summary>Ids that end a row; the ending id is part of the result.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>
    /// With a prefix attached, let the padding in front of a short prompt count as positions, as PEFT's <c>generate</c> does: the same
    /// prompt then answers differently beside a longer one. False gives every row the positions it was trained at.
    /// </summary>
    public bool PadsCountBehindPrefix { get; init; }

    /// <summary>New tokens that rows of this length may get.</summary>
    /// <param name="promptLength">Tokens of the prompt, padding included; 1 for an encoder-decoder.</param>
    /// <exception cref="PeftException">The prompt fills the limit already.</exception>
    internal int Room(int promptLength)
    {
        if (MaxLength is { } most && most <= promptLength)
            throw new PeftException($"max_length is {most}, but the prompt has {promptLength} tokens already.");
        return Math.Min(MaxNewTokens, (MaxLength ?? int.MaxValue) - promptLength);
    }
}
