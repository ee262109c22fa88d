using System.Text.Json.Nodes;
using Peft.Core.Generation;
using Peft.Core.Generation.Processors;

namespace Peft.Core.Tests.Goldens;

/// <summary>Processors of scores, each alone and in the recorded order.</summary>
internal static class ProcessorGoldenRun
{
    public static void Run(GoldenCase golden, GoldenReport report)
    {
        var number = 0;
        foreach (var row in GenerationGoldens.Rows(golden, "cases.jsonl"))
            CheckRow(golden, row, ++number, report);
        foreach (var row in GenerationGoldens.Rows(golden, "order.jsonl"))
            CheckOrder(row, report);
    }

    private static void CheckRow(GoldenCase golden, JsonObject row, int number, GoldenReport report)
    {
        var name = row["processor"]!.GetValue<string>();
        var what = $"{name} (row {number})";
        var processor = Create(name, row["args"]!.AsObject(), [.. row["encoder_input_ids"]?.AsArray().Select(Longs) ?? []]);
        var tolerance = golden.Tolerance("output");
        for (var r = 0; r < row["scores"]!.AsArray().Count; r++)
        {
            var scores = Floats(row["scores"]![r]);
            processor.Apply(r, Longs(row["input_ids"]![r]), scores);
            var expected = Floats(row["output"]![r]);
            for (var i = 0; i < expected.Length; i++)
            {
                if (float.IsFinite(expected[i]) && Math.Abs(expected[i]) < 1e30f)
                    report.Close(expected[i], scores[i], tolerance, $"{what} [{r},{i}]");
                else
                    report.Check(expected[i].Equals(scores[i]), $"{what} [{r},{i}]: {scores[i]} instead of {expected[i]}");
            }
        }
    }

    private static LogitsProcessor Create(string name, JsonObject args, IReadOnlyList<long[]> inputs)
    {
        double Number(string field, double absent = 0) => args[field] is { } value ? (double)value : absent;
        int Whole(string field, int absent = 0) => args[field] is { } value ? (int)value : absent;
        IReadOnlyList<int> Ids(string field) => RecordedOptions.Ids(args[field]!);
        var keep = Whole("min_tokens_to_keep", 1);
        return name switch
        {
            "temperature" => new Temperature(Number("temperature")),
            "top_k" => new TopK(Whole("top_k"), keep),
            "top_p" => new TopP(Number("top_p"), keep),
            "min_p" => new MinP(Number("min_p"), keep),
            "typical_p" => new Typical(Number("typical_p"), keep),
            "epsilon" => new Epsilon(Number("epsilon"), keep),
            "eta" => new Eta(Number("epsilon"), keep),
            "repetition_penalty" => new RepetitionPenalty(Number("penalty"), Whole("prompt_ignore_length")),
            "encoder_repetition_penalty" => new EncoderRepetitionPenalty(Number("penalty"), inputs),
            "no_repeat_ngram" => new NoRepeatNGram(Whole("ngram_size")),
            "encoder_no_repeat_ngram" => new EncoderNoRepeatNGram(Whole("ngram_size"), inputs),
            "bad_words" => new NoBadWords([.. args["bad_words_ids"]!.AsArray().Select(word => RecordedOptions.Ids(word!))], Ids("eos_token_id")),
            "sequence_bias" => new SequenceBiases(RecordedOptions.Biases(args["sequence_bias"]!)),
            "min_length" => new MinLength(Whole("min_length"), Ids("eos_token_id")),
            "min_new_tokens" => new MinNewTokensLength(Whole("prompt_length"), Whole("min_new_tokens"), Ids("eos_token_id")),
            "forced_bos" => new ForcedBosToken(Whole("bos_token_id")),
            "forced_eos" => new ForcedEosToken(Whole("max_length"), Whole("eos_token_id")),
            "suppress_tokens" => new SuppressTokens(Ids("suppress_tokens")),
            "begin_suppress" => new SuppressTokensAtBegin(Ids("begin_suppress_tokens"), Whole("begin_index")),
            "exponential_decay" => new ExponentialDecayLengthPenalty(
                new LengthDecay(Whole("start"), Number("factor")), Whole("input_ids_seq_length"), Ids("eos_token_id")),
            "logit_normalization" => new LogitNormalization(),
            "inf_nan_remove" => new InfNanRemove(),
            "presence_frequency" => new PresenceFrequencyPenalty(Number("presence_penalty"), Number("frequency_penalty")),
            _ => throw new InvalidDataException($"The recorded processor '{name}' is not known."),
        };
    }

    /// <summary>Which processors options ask for, in which order, and how many tokens each leaves at least.</summary>
    private static void CheckOrder(JsonObject row, GoldenReport report)
    {
        var chain = ProcessorChain.Of(RecordedOptions.Read(row["options"]!.AsObject()), promptLength: 3, room: 10, [[1, 2, 3]]);
        var expected = row["order"]!.AsArray().Select(name => ShortName(name!.GetValue<string>())).ToList();
        var ours = chain.Select(processor => ShortName(processor.GetType().Name)).ToList();
        report.Check(expected.SequenceEqual(ours), $"order: {string.Join(' ', ours)} instead of {string.Join(' ', expected)}");
        var kept = row["min_tokens_to_keep"]!.AsArray();
        for (var i = 0; i < Math.Min(chain.Count, kept.Count); i++)
        {
            if (kept[i] is { } recorded)
                report.Check((chain[i] as Truncation)?.MinTokensToKeep == (int)recorded, $"{ours[i]}: keeps {(chain[i] as Truncation)?.MinTokensToKeep} instead of {recorded}");
        }
    }

    private static string ShortName(string name) => name
        .Replace("LogitsProcessor", "", StringComparison.Ordinal)
        .Replace("LogitsWarper", "", StringComparison.Ordinal)
        .Replace("SequenceBiases", "SequenceBias", StringComparison.Ordinal)
        .ToUpperInvariant();

    private static long[] Longs(JsonNode? row) => [.. row!.AsArray().Select(id => (long)id!)];

    private static float[] Floats(JsonNode? row) => [.. row!.AsArray().Select(Float)];

    private static float Float(JsonNode? value) => value!.GetValueKind() != System.Text.Json.JsonValueKind.String ? (float)value : (string)value! switch
    {
        "nan" => float.NaN,
        "inf" => float.PositiveInfinity,
        "-inf" => float.NegativeInfinity,
        var other => throw new InvalidDataException($"'{other}' is no number."),
    };
}
