namespace Peft.Core.Generation.Processors;

/// <summary>The processors that options ask for, in the order in which Hugging Face's <c>generate</c> applies them.</summary>
internal static class ProcessorChain
{
    /// <param name="options">What was asked for.</param>
    /// <param name="promptLength">Tokens of a row before the first new one, padding included.</param>
    /// <param name="room">New tokens at most.</param>
    /// <param name="inputs">What each prompt of the batch reads: the encoder's input, or the prompt itself.</param>
    public static IReadOnlyList<LogitsProcessor> Of(GenerationOptions options, int promptLength, int room, IReadOnlyList<long[]> inputs)
    {
        var endings = options.EosTokenIds;
        var chain = new List<LogitsProcessor>();
        void Add(bool wanted, Func<LogitsProcessor> make)
        {
            if (wanted)
                chain.Add(make());
        }

        Add(options.SequenceBias.Count > 0, () => new SequenceBiases(options.SequenceBias));
        Add(options.EncoderRepetitionPenalty != 1, () => new EncoderRepetitionPenalty(options.EncoderRepetitionPenalty, inputs));
        Add(options.RepetitionPenalty != 1, () => new RepetitionPenalty(options.RepetitionPenalty));
        Add(
            options.PresencePenalty != 0 || options.FrequencyPenalty != 0,
            () => new PresenceFrequencyPenalty(options.PresencePenalty, options.FrequencyPenalty, promptLength));
        Add(options.NoRepeatNGramSize > 0, () => new NoRepeatNGram(options.NoRepeatNGramSize));
        Add(options.EncoderNoRepeatNGramSize > 0, () => new EncoderNoRepeatNGram(options.EncoderNoRepeatNGramSize, inputs));
        Add(options.BadWordsIds.Count > 0, () => new NoBadWords(options.BadWordsIds, endings));
        Add(options.MinLength > 0 && endings.Count > 0, () => new MinLength(options.MinLength, endings));
        Add(options.MinNewTokens > 0 && endings.Count > 0, () => new MinNewTokensLength(promptLength, options.MinNewTokens, endings));
        Add(options.ForcedBosTokenId is not null, () => new ForcedBosToken(options.ForcedBosTokenId!.Value));
        Add(options.ForcedEosTokenId is not null, () => new ForcedEosToken(promptLength + room, options.ForcedEosTokenId!.Value));
        Add(options.RemoveInvalidValues, () => new InfNanRemove());
        Add(
            options.ExponentialDecayLengthPenalty is not null,
            () => new ExponentialDecayLengthPenalty(options.ExponentialDecayLengthPenalty!, promptLength, endings));
        Add(options.SuppressTokens.Count > 0, () => new SuppressTokens(options.SuppressTokens));

        // A forced first token takes the place of the one that may not begin.
        var begin = promptLength > 1 || options.ForcedBosTokenId is null ? promptLength : promptLength + 1;
        Add(options.BeginSuppressTokens.Count > 0, () => new SuppressTokensAtBegin(options.BeginSuppressTokens, begin));
        if (options.DoSample)
            AddSampling(options, Add);
        Add(options.RenormalizeLogits, () => new LogitNormalization());
        return chain;
    }

    private static void AddSampling(GenerationOptions options, Action<bool, Func<LogitsProcessor>> add)
    {
        // Beams need something to go on with beside every ending.
        var keep = options.NumBeams > 1 ? Math.Max(2, options.EosTokenIds.Count + 1) : 1;
        add(options.Temperature != 1, () => new Temperature(options.Temperature));
        add(options.TopK > 0, () => new TopK(options.TopK, keep));
        add(options.TopP < 1, () => new TopP(options.TopP, keep));
        add(options.MinP > 0, () => new MinP(options.MinP, keep));
        add(options.TypicalP < 1, () => new Typical(options.TypicalP, keep));
        add(options.EpsilonCutoff > 0, () => new Epsilon(options.EpsilonCutoff, keep));
        add(options.EtaCutoff > 0, () => new Eta(options.EtaCutoff, keep));
    }
}
