using System.CommandLine;
using Peft.Cli.Serving;

namespace Peft.Cli.Commands;

/// <summary>The options of <c>peft generate</c> that say how the answer is written, under Hugging Face's names.</summary>
internal sealed class GenerateOptions
{
    private static readonly ServeRequest s_defaults = new();

    private readonly Option<int> _maxNewTokens = Named("max_new_tokens", "Tokens to write at most.", s_defaults.MaxNewTokens);
    private readonly Option<int> _minNewTokens = Named("min_new_tokens", "No ending before so many tokens.", s_defaults.MinNewTokens);
    private readonly Option<bool> _doSample = Named("do_sample", "Draw tokens instead of taking the most probable one.", s_defaults.DoSample);
    private readonly Option<double> _temperature = Named("temperature", "With --do_sample: below 1 sharpens, above 1 flattens.", s_defaults.Temperature);
    private readonly Option<int> _topK = Named("top_k", "With --do_sample: among the k most probable tokens; 0 = all.", s_defaults.TopK);
    private readonly Option<double> _topP = Named("top_p", "With --do_sample: smallest set of tokens with this probability.", s_defaults.TopP);
    private readonly Option<double> _minP = Named("min_p", "With --do_sample: at least this share as probable as the most probable token.", s_defaults.MinP);
    private readonly Option<double> _typicalP = Named("typical_p", "With --do_sample: the least surprising tokens with this probability.", s_defaults.TypicalP);
    private readonly Option<long> _seed = Named("seed", "With --do_sample: makes the draw repeatable.", s_defaults.Seed);
    private readonly Option<double> _repetition = Named("repetition_penalty", "Above 1 makes what occurred in prompt or answer less probable.", s_defaults.RepetitionPenalty);
    private readonly Option<double> _presence = Named("presence_penalty", "Taken once from the score of what the answer contains.", s_defaults.PresencePenalty);
    private readonly Option<double> _frequency = Named("frequency_penalty", "Taken from the score of what the answer contains, as often as it does.", s_defaults.FrequencyPenalty);
    private readonly Option<int> _noRepeat = Named("no_repeat_ngram_size", "No run of so many tokens twice; 0 = allowed.", s_defaults.NoRepeatNgramSize);
    private readonly Option<string[]> _badWords = Named<string[]>("bad_words", "Words that are not written; may be repeated.", []);
    private readonly Option<string[]> _stopStrings = Named<string[]>("stop_strings", "Texts that end the answer; may be repeated.", []);
    private readonly Option<int> _beams = Named("num_beams", "Beams of a beam search; it prints its answer at the end, not while it searches.", s_defaults.NumBeams);
    private readonly Option<double> _length = Named("length_penalty", "With beams: above 0 favours long answers, below 0 short ones.", s_defaults.LengthPenalty);
    private readonly Option<string> _early = Named("early_stopping", "With beams: false, true or never.", s_defaults.EarlyStopping);

    public IEnumerable<Option> All =>
    [
        _maxNewTokens, _minNewTokens, _doSample, _temperature, _topK, _topP, _minP, _typicalP, _seed, _repetition, _presence, _frequency, _noRepeat,
        _badWords, _stopStrings, _beams, _length, _early,
    ];

    /// <summary>The request with what was asked for.</summary>
    public ServeRequest Apply(ServeRequest request, ParseResult parsed) => request with
    {
        MaxNewTokens = parsed.GetValue(_maxNewTokens),
        MinNewTokens = parsed.GetValue(_minNewTokens),
        DoSample = parsed.GetValue(_doSample),
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        MinP = parsed.GetValue(_minP),
        TypicalP = parsed.GetValue(_typicalP),
        Seed = parsed.GetValue(_seed),
        RepetitionPenalty = parsed.GetValue(_repetition),
        PresencePenalty = parsed.GetValue(_presence),
        FrequencyPenalty = parsed.GetValue(_frequency),
        NoRepeatNgramSize = parsed.GetValue(_noRepeat),
        BadWords = parsed.GetValue(_badWords) ?? [],
        StopStrings = parsed.GetValue(_stopStrings) ?? [],
        NumBeams = parsed.GetValue(_beams),
        LengthPenalty = parsed.GetValue(_length),
        EarlyStopping = parsed.GetValue(_early)!,
    };

    /// <summary>An option that is understood with dashes too.</summary>
    private static Option<T> Named<T>(string name, string description, T value)
    {
        var option = new Option<T>("--" + name) { Description = description, DefaultValueFactory = _ => value };
        if (name.Contains('_', StringComparison.Ordinal))
            option.Aliases.Add("--" + name.Replace('_', '-'));
        return option;
    }
}
