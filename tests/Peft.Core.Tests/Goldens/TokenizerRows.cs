using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Tokenization;
using Peft.Core.Tokenization.Batches;

namespace Peft.Core.Tests.Goldens;

/// <summary>Compares one recorded row of a tokenizer with what ours makes of it. An absent field means what the goldens' README says.</summary>
internal static class TokenizerRows
{
    public static IEnumerable<JsonNode> Of(GoldenCase golden, string file)
    {
        var path = Path.Combine(golden.Folder, file);
        return File.Exists(path) ? File.ReadLines(path).Select(line => JsonNode.Parse(line)!) : [];
    }

    public static void CheckText(PretrainedTokenizer tokenizer, JsonNode row, TokenizerGoldens.Rows report)
    {
        var text = Text(row, "text");
        var ids = Numbers(row["ids"]!);
        var made = tokenizer.EncodeRow(text);
        report.Equal(ids, made.Ids, $"{Show(text)} ids");
        report.Equal(ids, tokenizer.Encode(text, addSpecialTokens: true), $"{Show(text)} ids without a row");
        var plain = tokenizer.EncodeRow(text, options: new EncodeOptions { AddSpecialTokens = false });
        report.Equal(Numbers(row["ids_no_special"] ?? row["ids"]!), plain.Ids, $"{Show(text)} without special tokens");
        report.Equal(plain.Ids, tokenizer.Encode(text), $"{Show(text)} without special tokens and row");
        if (!made.Ids.SequenceEqual(ids))
            return;
        report.Equal(Texts(row["tokens"]!), made.Tokens.Select(token => token.Text), $"{Show(text)} tokens");
        var offsets = made.Tokens.Select(token => (token.Start, token.End)).ToArray();
        report.Equal(Spans(row["offsets_utf16"] ?? row["offsets"]!), offsets, $"{Show(text)} offsets");
        report.Equal(Spans(row["offsets"]!), offsets.Select(span => (TextOffsets.CodePoints(text, span.Start), TextOffsets.CodePoints(text, span.End))), $"{Show(text)} code points");
        var mask = row["special_tokens_mask"] is { } given ? given.GetValue<string>().Select(digit => digit == '1') : ids.Select(_ => false);
        report.Equal(mask, made.Tokens.Select(token => token.IsAdded), $"{Show(text)} special_tokens_mask");
        CheckDecoding(tokenizer, row, report);
    }

    public static void CheckDecoding(PretrainedTokenizer tokenizer, JsonNode row, TokenizerGoldens.Rows report)
    {
        var ids = Numbers(row["ids"]!);
        var decoded = Text(row, "decoded");
        var what = row["ids"]!.ToJsonString();
        report.Equal(decoded, tokenizer.Decode(ids, skipSpecialTokens: false, tokenizer.CleansUp), $"{what} decoded");
        report.Equal(row["decoded_skip"]?.GetValue<string>() ?? decoded, tokenizer.Decode(ids, skipSpecialTokens: true, tokenizer.CleansUp), $"{what} decoded without special tokens");
        report.Equal(row["decoded_raw"]?.GetValue<string>() ?? decoded, tokenizer.Decode(ids, skipSpecialTokens: false), $"{what} decoded without cleaning");
    }

    /// <summary>Growing prefixes of one text: said piece by piece they must come to the same text, and nothing that was said may change.</summary>
    public static void CheckStreams(PretrainedTokenizer tokenizer, GoldenCase golden, TokenizerGoldens.Rows report)
    {
        foreach (var stream in Of(golden, "decode.jsonl").Where(row => row["stream"] is not null).GroupBy(row => row["stream"]!.ToJsonString()))
        {
            var ids = stream.Select(row => Numbers(row["ids"]!)).MaxBy(numbers => numbers.Length)!;
            foreach (var skip in new[] { false, true })
            {
                var decoder = new StreamingDecoder(tokenizer, skip);
                var said = new StringBuilder();
                foreach (var id in ids)
                {
                    said.Append(decoder.Add(id));
                    if (said.Length > 0 && said[^1] == '\uFFFD')
                        report.Fail($"stream {stream.Key}: an unfinished character was said");
                }

                said.Append(decoder.Finish());
                report.Equal(tokenizer.Decode(ids, skip), said.ToString(), $"stream {stream.Key}");
            }
        }
    }

    public static void CheckPair(PretrainedTokenizer tokenizer, JsonNode row, TokenizerGoldens.Rows report)
    {
        var what = $"{Show(Text(row, "text"))} + {Show(Text(row, "pair"))}";
        var made = tokenizer.EncodeRow(Text(row, "text"), Text(row, "pair"));
        report.Equal(Numbers(row["ids"]!), made.Ids, $"{what} ids");
        report.Equal(Texts(row["tokens"]!), made.Tokens.Select(token => token.Text), $"{what} tokens");
        report.Equal(Numbers(row["type_ids"]!), made.Tokens.Select(token => token.Type), $"{what} types");
        report.Equal(Utf16(row, made), made.Tokens.Select(token => (token.Start, token.End)), $"{what} offsets");
        report.Equal(Maybe(row["sequence_ids"]!), made.Tokens.Select(token => token.Sequence), $"{what} sequences");
        report.Equal(Mask(row["special_tokens_mask"]!), made.Tokens.Select(token => token.IsAdded ? 1 : 0), $"{what} special_tokens_mask");
        if (row["token_type_ids"] is { } types)
            report.Equal(Numbers(types), made.Tokens.Select(token => token.Type), $"{what} token_type_ids");
        if (tokenizer.ModelInputNames.Contains("token_type_ids") != row["token_type_ids"] is not null)
            report.Fail($"{what}: whether there are token_type_ids");
    }

    public static void CheckBatch(PretrainedTokenizer tokenizer, JsonNode row, string? padToken, TokenizerGoldens.Rows report)
    {
        var texts = Texts(row["texts"]!).ToArray();
        var pairs = row["pairs"] is { } seconds ? Texts(seconds).ToArray() : null;
        var options = row["options"]!;
        var what = $"{options.ToJsonString()} {Show(texts[0])}";
        IReadOnlyList<TokenRow> rows;
        try
        {
            rows = tokenizer.EncodeBatch(texts, pairs, Options(options) with { PadToken = padToken });
        }
        catch (PeftException error)
        {
            if (row["error"] is null)
                report.Fail($"{what}: {error.Message}");
            return;
        }

        if (row["error"] is not null)
        {
            report.Fail($"{what}: should fail with {row["error"]!.ToJsonString()}");
            return;
        }

        var all = options["return_overflowing_tokens"]?.GetValue<bool>() == true
            ? rows.SelectMany((made, i) => made.Overflowing.Prepend(made).Select(part => (Row: part, Sample: i))).ToArray()
            : [.. rows.Select((made, i) => (Row: made, Sample: i))];
        var result = row["result"]!;
        report.Equal(result["input_ids"]!.AsArray().Select(Line), all.Select(part => Line(part.Row.Tokens.Select(token => token.Id))), $"{what} ids");
        report.Equal(result["attention_mask"]!.AsArray().Select(Line), all.Select(part => Line(part.Row.Tokens.Select(token => token.IsAttended ? 1 : 0))), $"{what} attention_mask");
        report.Equal(result["special_tokens_mask"]!.AsArray().Select(Line), all.Select(part => Line(part.Row.Tokens.Select(token => token.IsAdded ? 1 : 0))), $"{what} special_tokens_mask");
        if (result["token_type_ids"] is { } types)
            report.Equal(types.AsArray().Select(Line), all.Select(part => Line(part.Row.Tokens.Select(token => token.Type))), $"{what} types");
        if (result["overflow_to_sample_mapping"] is { } samples)
            report.Equal(Numbers(samples), all.Select(part => part.Sample), $"{what} samples");
        report.Equal(
            result["offset_mapping"]!.AsArray().Select(line => string.Join(" ", Spans(line!))),
            all.Select(part => string.Join(" ", part.Row.Tokens.Select(token => Points(token, texts[part.Sample], pairs?[part.Sample])))), $"{what} offsets");
    }

    public static void CheckWords(PretrainedTokenizer tokenizer, JsonNode row, TokenizerGoldens.Rows report)
    {
        var words = Texts(row["words"]!).ToArray();
        var what = $"words {string.Join('|', words)}";
        TokenRow made;
        try
        {
            made = tokenizer.EncodeWords(words);
        }
        catch (PeftException error)
        {
            if (row["error"] is null)
                report.Fail($"{what}: {error.Message}");
            return;
        }

        if (row["error"] is not null)
        {
            report.Fail($"{what}: should fail with {row["error"]!.ToJsonString()}");
            return;
        }

        report.Equal(Numbers(row["ids"]!), made.Ids, $"{what} ids");
        report.Equal(Maybe(row["word_ids"]!), made.Tokens.Select(token => token.Word), $"{what} word ids");
        report.Equal(
            Spans(row["offsets"]!),
            made.Tokens.Select(token => token.Word is { } word ? (TextOffsets.CodePoints(words[word], token.Start), TextOffsets.CodePoints(words[word], token.End)) : (0, 0)),
            $"{what} offsets");
    }

    private static EncodeOptions Options(JsonNode options) => new()
    {
        AddSpecialTokens = options["add_special_tokens"]?.GetValue<bool>() ?? true,
        Padding = options["padding"]?.ToJsonString() switch { "true" => Padding.Longest, "\"max_length\"" => Padding.MaxLength, _ => Padding.None },
        Truncation = options["truncation"]?.ToJsonString() switch
        {
            "true" or "\"longest_first\"" => Truncation.LongestFirst,
            "\"only_first\"" => Truncation.OnlyFirst,
            "\"only_second\"" => Truncation.OnlySecond,
            _ => Truncation.None,
        },
        MaxLength = options["max_length"]?.GetValue<int>(),
        Stride = options["stride"]?.GetValue<int>() ?? 0,
        PadToMultipleOf = options["pad_to_multiple_of"]?.GetValue<int>(),
        PadLeft = options["padding_side"]?.GetValue<string>() is { } side ? side == "left" : null,
        TruncateLeft = options["truncation_side"]?.GetValue<string>() is { } cut ? cut == "left" : null,
    };

    /// <summary>Recorded offsets count code points; a token's are counted in its own text.</summary>
    private static (int Start, int End) Points(RowToken token, string text, string? pair) => token.Sequence is { } which
        ? (TextOffsets.CodePoints(which == 0 ? text : pair!, token.Start), TextOffsets.CodePoints(which == 0 ? text : pair!, token.End))
        : (token.Start, token.End);

    private static IEnumerable<(int, int)> Utf16(JsonNode row, TokenRow made) => Spans(row["offsets"]!).Select((span, i) =>
        i < made.Tokens.Count && made.Tokens[i].Sequence is { } which
            ? (TextOffsets.Utf16(Text(row, which == 0 ? "text" : "pair"), span.Item1), TextOffsets.Utf16(Text(row, which == 0 ? "text" : "pair"), span.Item2))
            : span);

    private static string Text(JsonNode row, string field) => row[field]!.GetValue<string>();

    private static int[] Numbers(JsonNode list) => [.. list.AsArray().Select(item => item!.GetValue<int>())];

    private static IEnumerable<int> Mask(JsonNode mask) => mask is JsonValue text ? text.GetValue<string>().Select(digit => digit - '0') : Numbers(mask);

    private static IEnumerable<int?> Maybe(JsonNode list) => list.AsArray().Select(item => item?.GetValue<int>());

    private static IEnumerable<string> Texts(JsonNode list) => list.AsArray().Select(item => item!.GetValue<string>());

    private static IEnumerable<(int, int)> Spans(JsonNode list) => list.AsArray().Select(pair => (pair![0]!.GetValue<int>(), pair[1]!.GetValue<int>()));

    private static string Line(JsonNode? list) => Line(Numbers(list!));

    private static string Line(IEnumerable<int> numbers) => string.Join(",", numbers);

    private static string Show(string text) => "'" + (text.Length > 60 ? text[..60] + "…" : text).Replace("\n", "\\n", StringComparison.Ordinal) + "'";
}
