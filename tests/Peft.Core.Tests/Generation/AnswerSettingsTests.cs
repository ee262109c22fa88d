using System.Text.Json;
using Peft.Core.Generation;

namespace Peft.Core.Tests.Generation;

/// <summary>Settings that people make, and texts that end an answer.</summary>
public sealed class AnswerSettingsTests
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    [Fact]
    public void Problems_AllAreNamedAtOnce()
    {
        var settings = new AnswerSettings
        {
            MaxNewTokens = 0, MinNewTokens = -1, DoSample = true, Temperature = double.NaN, TopK = -1, TopP = 0, MinP = 2, TypicalP = 0, RepetitionPenalty = 0,
            NoRepeatNgramSize = -1, BadWords = [""], StopStrings = [""], NumBeams = 0, LengthPenalty = double.PositiveInfinity, EarlyStopping = "soon",
        };
        var problems = string.Join(" ", settings.Problems());
        Assert.All(
            ["max_new_tokens", "min_new_tokens", "temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size", "bad_words", "stop_strings", "num_beams", "length_penalty", "early_stopping"],
            name => Assert.Contains(name, problems, StringComparison.Ordinal));
        Assert.Throws<PeftException>(() => settings.Options([], _ => []));
    }

    [Fact]
    public void Problems_OfDefaults_AreNone() => Assert.Empty(new AnswerSettings().Problems());

    [Fact]
    public void Validate_OptionsThatContradictEachOther_AreNamed()
    {
        string Message(GenerationOptions options) => Assert.Throws<PeftException>(options.Validate).Message;
        Assert.Contains("min_new_tokens (9) is larger", Message(new() { MaxNewTokens = 8, MinNewTokens = 9 }), StringComparison.Ordinal);
        Assert.Contains("num_return_sequences (3) is larger", Message(new() { NumBeams = 2, NumReturnSequences = 3 }), StringComparison.Ordinal);
        Assert.Contains("do_sample", Message(new() { NumReturnSequences = 2 }), StringComparison.Ordinal);
        Assert.Contains("eos_token_id", Message(new() { ExponentialDecayLengthPenalty = new LengthDecay(2, 1.2) }), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_HasHuggingFacesNames()
    {
        var json = JsonSerializer.SerializeToNode(new AnswerSettings(), s_json)!.AsObject();
        Assert.All(["max_new_tokens", "top_k", "top_p", "min_p", "typical_p", "no_repeat_ngram_size", "num_beams", "length_penalty", "early_stopping", "stop_strings"], name => Assert.True(json.ContainsKey(name), name));
    }

    [Theory]
    [InlineData("ab|cd|ef", "cde", "ab")]
    [InlineData("a|b|c", "bc", "a")]
    [InlineData("a|b|d", "bc", "abd")]
    [InlineData("aa|ab", "aab", "a")]
    [InlineData("xy", "", "xy")]
    public void StopFilter_Pieces_EndInFrontOfTheText(string pieces, string stop, string shown)
    {
        var filter = new StopFilter(stop.Length > 0 ? [stop] : []);
        var heard = string.Concat(pieces.Split('|').Select(filter.Add));
        Assert.Equal(shown, heard + filter.Finish());
    }
}
