using System.Text.Json.Nodes;
using Peft.Core.Generation;

namespace Peft.Core.Tests.Goldens;

/// <summary>Arguments of Hugging Face's <c>generate</c> as a case records them.</summary>
internal static class RecordedOptions
{
    /// <exception cref="InvalidDataException">An argument that is not known here: it must not be ignored silently.</exception>
    public static GenerationOptions Read(JsonObject json)
    {
        // A case that limits the whole row says nothing of new tokens.
        var options = new GenerationOptions { MaxNewTokens = json.ContainsKey("max_length") ? 1000 : 20 };
        foreach (var (name, value) in json)
            options = Take(options, name, value!);
        return options;
    }

    private static GenerationOptions Take(GenerationOptions options, string name, JsonNode value) => name switch
    {
        "max_new_tokens" => options with { MaxNewTokens = (int)value },
        "max_length" => options with { MaxLength = (int)value },
        "min_new_tokens" => options with { MinNewTokens = (int)value },
        "min_length" => options with { MinLength = (int)value },
        "do_sample" => options with { DoSample = (bool)value },
        "temperature" => options with { Temperature = (double)value },
        "top_k" => options with { TopK = (int)value },
        "top_p" => options with { TopP = (double)value },
        "min_p" => options with { MinP = (double)value },
        "typical_p" => options with { TypicalP = (double)value },
        "epsilon_cutoff" => options with { EpsilonCutoff = (double)value },
        "eta_cutoff" => options with { EtaCutoff = (double)value },
        "repetition_penalty" => options with { RepetitionPenalty = (double)value },
        "encoder_repetition_penalty" => options with { EncoderRepetitionPenalty = (double)value },
        "no_repeat_ngram_size" => options with { NoRepeatNGramSize = (int)value },
        "encoder_no_repeat_ngram_size" => options with { EncoderNoRepeatNGramSize = (int)value },
        "bad_words_ids" => options with { BadWordsIds = [.. value.AsArray().Select(word => Ids(word!))] },
        "sequence_bias" => options with { SequenceBias = Biases(value) },
        "suppress_tokens" => options with { SuppressTokens = Ids(value) },
        "begin_suppress_tokens" => options with { BeginSuppressTokens = Ids(value) },
        "forced_bos_token_id" => options with { ForcedBosTokenId = (int)value },
        "forced_eos_token_id" => options with { ForcedEosTokenId = (int)value },
        "exponential_decay_length_penalty" => options with { ExponentialDecayLengthPenalty = new LengthDecay((int)value[0]!, (double)value[1]!) },
        "renormalize_logits" => options with { RenormalizeLogits = (bool)value },
        "remove_invalid_values" => options with { RemoveInvalidValues = (bool)value },
        "num_beams" => options with { NumBeams = (int)value },
        "num_return_sequences" => options with { NumReturnSequences = (int)value },
        "length_penalty" => options with { LengthPenalty = (double)value },
        "early_stopping" => options with { EarlyStopping = value.ToString() switch { "never" => EarlyStopping.Never, "true" => EarlyStopping.WhenFull, _ => EarlyStopping.Heuristic } },
        "eos_token_id" => options with { EosTokenIds = Ids(value) },
        _ => throw new InvalidDataException($"The recorded argument '{name}' is not known."),
    };

    public static IReadOnlyList<SequenceBias> Biases(JsonNode value) =>
        [.. value.AsArray().Select(entry => new SequenceBias(Ids(entry![0]!), (double)entry[1]!))];

    public static IReadOnlyList<int> Ids(JsonNode value) => value is JsonArray many ? [.. many.Select(id => (int)id!)] : [(int)value];
}
