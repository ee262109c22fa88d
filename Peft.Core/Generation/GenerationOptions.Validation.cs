namespace Peft.Core.Generation;

/// <content>What cannot work.</content>
public sealed partial record GenerationOptions
{
    /// <summary>Checks the settings.</summary>
    /// <exception cref="PeftException">A value that cannot work; all of them are named.</exception>
    public void Validate()
    {
        var problems = Problems();
        if (problems.Count > 0)
            throw new PeftException(string.Join(" ", problems));
    }

    /// <summary>Everything that cannot work, one sentence each; empty when all is well.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        CheckLengths(problems);
        CheckSampling(problems);
        CheckPenalties(problems);
        CheckSequences(problems);
        CheckBeams(problems);
        return problems;
    }

    private void CheckLengths(List<string> problems)
    {
        Require(MaxNewTokens >= 1, $"max_new_tokens must be at least 1, but is {MaxNewTokens}.", problems);
        Require(MaxLength is null or >= 1, $"max_length must be at least 1, but is {MaxLength}.", problems);
        Require(MinNewTokens >= 0, $"min_new_tokens must be 0 or more, but is {MinNewTokens}.", problems);
        Require(MinLength >= 0, $"min_length must be 0 or more, but is {MinLength}.", problems);
        Require(MinNewTokens <= MaxNewTokens || MaxNewTokens < 1, $"min_new_tokens ({MinNewTokens}) is larger than max_new_tokens ({MaxNewTokens}).", problems);
        Require(MaxLength is null || MinLength <= MaxLength, $"min_length ({MinLength}) is larger than max_length ({MaxLength}).", problems);
        if (ExponentialDecayLengthPenalty is { } decay)
        {
            Require(decay.Start >= 0, $"exponential_decay_length_penalty must start at 0 or later, but starts at {decay.Start}.", problems);
            Require(IsPositive(decay.Factor), $"exponential_decay_length_penalty must have a factor above 0, but has {decay.Factor}.", problems);
            Require(EosTokenIds.Count > 0, "exponential_decay_length_penalty needs an eos_token_id, but there is none.", problems);
        }
    }

    private void CheckSampling(List<string> problems)
    {
        Require(!DoSample || IsPositive(Temperature), $"temperature must be a number above 0, but is {Temperature}. Set do_sample to false for the likeliest answer.", problems);
        Require(TopK >= 0, $"top_k must be 0 or more, but is {TopK}.", problems);
        Require(TopP is > 0 and <= 1, $"top_p must be above 0 and at most 1, but is {TopP}.", problems);
        Require(MinP is >= 0 and <= 1, $"min_p must lie between 0 and 1, but is {MinP}.", problems);
        Require(TypicalP is > 0 and <= 1, $"typical_p must be above 0 and at most 1, but is {TypicalP}.", problems);
        Require(EpsilonCutoff is >= 0 and < 1, $"epsilon_cutoff must be 0 or more and below 1, but is {EpsilonCutoff}.", problems);
        Require(EtaCutoff is >= 0 and < 1, $"eta_cutoff must be 0 or more and below 1, but is {EtaCutoff}.", problems);
    }

    private void CheckPenalties(List<string> problems)
    {
        Require(IsPositive(RepetitionPenalty), $"repetition_penalty must be a number above 0, but is {RepetitionPenalty}.", problems);
        Require(IsPositive(EncoderRepetitionPenalty), $"encoder_repetition_penalty must be a number above 0, but is {EncoderRepetitionPenalty}.", problems);
        Require(double.IsFinite(PresencePenalty), $"presence_penalty must be a number, but is {PresencePenalty}.", problems);
        Require(double.IsFinite(FrequencyPenalty), $"frequency_penalty must be a number, but is {FrequencyPenalty}.", problems);
        Require(NoRepeatNGramSize >= 0, $"no_repeat_ngram_size must be 0 or more, but is {NoRepeatNGramSize}.", problems);
        Require(EncoderNoRepeatNGramSize >= 0, $"encoder_no_repeat_ngram_size must be 0 or more, but is {EncoderNoRepeatNGramSize}.", problems);
    }

    private void CheckSequences(List<string> problems)
    {
        Require(BadWordsIds.All(word => word.Count > 0 && word.All(id => id >= 0)), "bad_words_ids must be lists of ids, none of them empty.", problems);
        Require(
            SequenceBias.All(entry => entry.Ids.Count > 0 && entry.Ids.All(id => id >= 0) && double.IsFinite(entry.Bias)),
            "sequence_bias must be lists of ids, none of them empty, with a number each.",
            problems);
        Require(SuppressTokens.All(id => id >= 0), "suppress_tokens must be ids.", problems);
        Require(BeginSuppressTokens.All(id => id >= 0), "begin_suppress_tokens must be ids.", problems);
        Require(ForcedBosTokenId is null or >= 0, $"forced_bos_token_id must be an id, but is {ForcedBosTokenId}.", problems);
        Require(ForcedEosTokenId is null or >= 0, $"forced_eos_token_id must be an id, but is {ForcedEosTokenId}.", problems);
    }

    private void CheckBeams(List<string> problems)
    {
        Require(NumBeams >= 1, $"num_beams must be at least 1, but is {NumBeams}.", problems);
        Require(NumReturnSequences >= 1, $"num_return_sequences must be at least 1, but is {NumReturnSequences}.", problems);
        Require(double.IsFinite(LengthPenalty), $"length_penalty must be a number, but is {LengthPenalty}.", problems);
        if (NumBeams > 1)
            Require(NumReturnSequences <= NumBeams, $"num_return_sequences ({NumReturnSequences}) is larger than num_beams ({NumBeams}).", problems);
        else
            Require(NumReturnSequences == 1 || DoSample, $"num_return_sequences is {NumReturnSequences}, but the likeliest answer is always the same: set do_sample to true or num_beams above 1.", problems);
    }

    private static bool IsPositive(double value) => value > 0 && double.IsFinite(value);

    private static void Require(bool holds, string otherwise, List<string> problems)
    {
        if (!holds)
            problems.Add(otherwise);
    }
}
