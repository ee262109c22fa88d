using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Goldens;

/// <summary>From record to batch: prompts, masks, cutting, padding, packing against recorded rows.</summary>
[Trait("Category", "Goldens")]
[Collection(TorchCollection.Name)]
public sealed class CollateGoldens
{
    private static readonly Dictionary<string, CutPolicy> s_policies = new()
    {
        ["right"] = CutPolicy.Right, ["left"] = CutPolicy.Left, ["keep_output"] = CutPolicy.KeepOutput, ["keep_output_left"] = CutPolicy.KeepOutputLeft,
        ["drop"] = CutPolicy.Drop, ["factory"] = CutPolicy.Proportional,
    };

    private static readonly Dictionary<string, PretrainedTokenizer> s_tokenizers = [];

    public static IEnumerable<object[]> Cases() => GoldenCase.Find("collate");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Collate_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new GoldenReport();
        using var model = golden.Text("subkind") == "pack-loss" ? CausalLanguageModel.Load(golden.Base, new ModelLoadOptions { Dtype = "float32" }) : null;
        var number = 0;
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "cases.jsonl")))
        {
            var row = JsonNode.Parse(line)!;
            var what = $"row {++number}";
            Action check = golden.Text("subkind") switch
            {
                "prompts" => () => CheckPrompt(golden, row, what, report),
                "causal" => () => CheckCausal(row, what, report),
                "multiturn" => () => CheckTurns(row, what, report),
                "pad" => () => CheckPadding(row, what, report),
                "pack" => () => CheckPacking(row, what, report),
                "pack-loss" => () => CheckLoss(golden, model!, row, what, report),
                var other => throw new InvalidDataException($"collating {other} is unknown"),
            };
            check();
        }

        if (File.Exists(Path.Combine(golden.Folder, "infer_seqlen.jsonl")))
        {
            foreach (var row in File.ReadLines(Path.Combine(golden.Folder, "infer_seqlen.jsonl")).Select(line => JsonNode.Parse(line)!))
            {
                var own = LengthLimit.Proportional((int)row["source"]!, (int)row["target"]!, (int)row["cutoff"]!);
                report.Check(own == ((int)row["new_source"]!, (int)row["new_target"]!), $"{row.ToJsonString()}: {own}");
            }
        }

        report.Throw();
    }

    private static void CheckPrompt(GoldenCase golden, JsonNode row, string what, GoldenReport report)
    {
        var name = row["template"]!.GetValue<string>();
        var form = golden.Json["templates"]![name]!;
        var template = new InstructionTemplate(name, Text(form["with_input"]), Text(form["no_input"]));
        var (instruction, input) = (Text(row["record"]!["instruction"]), row["record"]!["input"]?.GetValue<string>());
        var prompt = template.Render(instruction, input);
        report.Check(prompt == Text(row["prompt"]), $"{what} {name}: '{prompt}'");
        if (InstructionTemplate.Find(name) is { } known)
            report.Check(known == template, $"{name} is written differently");
    }

    private static void CheckCausal(JsonNode row, string what, GoldenReport report)
    {
        var tokenizer = Tokenizer(Text(row["tokenizer"]));
        var (prompt, answer) = (Ids(row["source_ids"]), Ids(row["target_ids"]));
        if (InstructionTemplate.Find(Text(row["template"])) is { } template)
        {
            var text = template.Render(Text(row["record"]!["instruction"]), row["record"]!["input"]?.GetValue<string>());
            var output = Text(row["record"]!["output"]);
            Same(prompt, tokenizer.Encode(text, addSpecialTokens: true), what + " source", report);
            Same(answer, [.. tokenizer.Encode(output), tokenizer.EosId!.Value], what + " target", report);
            CheckExample(row["joint"]!, ExampleEncoder.Joined([.. tokenizer.Encode(text + output, addSpecialTokens: true), tokenizer.EosId!.Value], prompt.Length), what + " joint", report);
        }

        CheckExample(row["separate"]!, LengthLimit.Cut(prompt, answer, int.MaxValue, CutPolicy.Error)!, what + " separate", report);
        foreach (var cut in row["truncated"]!.AsArray())
        {
            var (policy, limit) = (Text(cut!["policy"]), (int)cut["cutoff"]!);
            var example = LengthLimit.Cut(prompt, answer, limit, s_policies[policy]);
            report.Check(cut["dropped"]!.GetValue<bool>() == example is null, $"{what} {policy} {limit}: {example?.Length}");
            if (example is null)
                continue;
            report.Check(
                ((int)cut["length"]!, (int)cut["source_kept"]!, (int)cut["trained"]!) == (example.Length, example.PromptLength, example.LabelCount),
                $"{what} {policy} {limit}: {example.Length}, {example.PromptLength}, {example.LabelCount}");
            var (first, last) = (Ids(cut["first_ids"]), Ids(cut["last_ids"]));
            Same(first, example.Ids[..first.Length], $"{what} {policy} {limit} first", report);
            Same(last, example.Ids[^last.Length..], $"{what} {policy} {limit} last", report);
        }
    }

    private static void CheckTurns(JsonNode row, string what, GoldenReport report)
    {
        var tokenizer = Tokenizer(Text(row["tokenizer"]));
        var messages = row["messages"]!.AsArray().Select(m => new ChatMessage(Text(m!["role"]), Text(m["content"]))).ToArray();
        var pieces = TurnTemplate.ChatMl.Pieces(messages);
        var (last, everything) = (pieces.Max(piece => piece.Turn), Ids(row["input_ids"]));
        CheckLabels(everything, Ids(row["labels_all_turns"]), ExampleEncoder.Learnt(tokenizer, pieces, piece => piece.IsAnswer), what + " all turns", report);
        CheckLabels(everything, Ids(row["labels_last_turn"]), ExampleEncoder.Learnt(tokenizer, pieces, piece => piece.Turn == last), what + " last turn", report);
        var whole = tokenizer.Encode(string.Concat(pieces.Select(piece => piece.Text)));
        report.Check(row["whole_template_ids_equal"]!.GetValue<bool>() == whole.SequenceEqual(everything), what + ": the text as one piece");
    }

    private static void CheckPadding(JsonNode row, string what, GoldenReport report)
    {
        var padding = new RowPadding(Text(row["padding_side"]) == "left" ? PaddingSide.Left : PaddingSide.Right, row["pad_to_multiple_of"]?.GetValue<int>() ?? 1);
        var features = row["features"]!.AsArray();
        var rows = features.Select(f => Ids(f!["input_ids"])).ToArray();
        var (width, padId, result) = (padding.Width(rows.Select(r => r.Length)), (int)row["pad_token_id"]!, row["result"]!);
        var ids = padding.Fill(rows, width, padId);
        Same(Flat(result["input_ids"]), ids, what + " ids", report);
        Same(Flat(result["attention_mask"]), padding.Mask(rows.Select(r => r.Length), width), what + " mask", report);
        var collator = Text(row["collator"]);
        var labels = collator switch
        {
            "DataCollatorForSeq2Seq" or "DataCollatorForTokenClassification" => padding.Fill([.. features.Select(f => Ids(f!["labels"]))], width, CausalLoss.Ignored),
            "DataCollatorForLanguageModeling(mlm=False)" => RowPadding.LanguageModelLabels(ids, padId),
            "DataCollatorWithPadding" => [.. features.Select(f => (long)(int)f!["label"]!)],
            _ => throw new InvalidDataException($"collator {collator} is unknown"),
        };
        Same(Flat(result["labels"]), labels, $"{what} {collator} labels", report);
    }

    private static void CheckPacking(JsonNode row, string what, GoldenReport report)
    {
        what += " " + Text(row["what"]);
        switch (Text(row["what"]))
        {
            case "DataCollatorWithFlattening":
                CheckFlattening(row, what, report);
                break;
            case "bins":
                var (lengths, capacity) = (Ids(row["lengths"]), (int)row["capacity"]!);
                Bins(row["next_fit"]!, Packing.NextFit(lengths, capacity), what + " next fit", report);
                Bins(row["first_fit"]!, Packing.FirstFit(lengths, capacity), what + " first fit", report);
                Bins(row["first_fit_decreasing"]!, Packing.FirstFitDecreasing(lengths, capacity), what + " first fit decreasing", report);
                Bins(row["best_fit_decreasing"]!, Packing.BestFitDecreasing(lengths, capacity), what + " best fit decreasing", report);
                Bins(row["greedy_knapsack_factory"]!, [.. Packing.Knapsack(lengths, capacity).Select(bin => bin.Select(i => lengths[i]).ToArray())], what + " knapsack", report);
                break;
            case "group_texts":
                var (blocks, dropped) = Packing.Blocks(row["sequences"]!.AsArray().Select(Ids), (int)row["block_size"]!);
                Bins(row["blocks"]!, blocks, what, report);
                report.Check(dropped == (int)row["dropped"]!, $"{what}: {dropped} dropped");
                break;
            case "packed":
                var examples = Examples(row["samples"]!);
                var (width, padId) = ((int)row["length"]!, (int)row["pad_token_id"]!);
                var rows = Packing.FirstFit([.. examples.Select(e => e.Length)], width);
                foreach (var (pack, members) in row["packs"]!.AsArray().Zip(rows))
                {
                    Same(Ids(pack!["members"]), members, what + " members", report);
                    var packed = PackedRow.Of(members.Select(i => examples[i])).Padded(width, padId);
                    Same(Ids(pack["input_ids"]), packed.Ids, what + " ids", report);
                    Same(Ids(pack["labels"]), packed.Labels, what + " labels", report);
                    Same(Ids(pack["position_ids"]), packed.Positions, what + " positions", report);
                    Same(Ids(pack["segment_ids"]), packed.Segments, what + " segments", report);
                    Same(Ids(pack["attention_mask"]), packed.Segments.Select(segment => Math.Min(segment, 1)), what + " mask", report);
                }

                report.Check(rows.Count == row["packs"]!.AsArray().Count, $"{what}: {rows.Count} rows");
                break;
            default:
                throw new InvalidDataException($"packing {what} is unknown");
        }
    }

    private static void CheckFlattening(JsonNode row, string what, GoldenReport report)
    {
        var packed = PackedRow.Of(Examples(row["features"]!));
        var result = row["result"]!;
        Same(Flat(result["input_ids"]), packed.Ids.Select(id => (long)id), what + " ids", report);
        Same(Flat(result["labels"]), packed.Labels.Select(id => (long)id), what + " labels", report);
        Same(Flat(result["position_ids"]), packed.Positions.Select(id => (long)id), what + " positions", report);
        if (result["seq_idx"] is null)
            return;
        Same(Flat(result["seq_idx"]), packed.Segments.Select(segment => segment - 1L), what + " texts", report);
        Same(Ids(result["cu_seq_lens_q"]), packed.Starts, what + " starts", report);
        Same(Ids(result["cu_seq_lens_k"]), packed.Starts, what + " starts of keys", report);
        report.Check((int)result["max_length_q"]! == packed.LongestText && (int)result["max_length_k"]! == packed.LongestText, $"{what}: longest text {packed.LongestText}");
    }

    private static void CheckLoss(GoldenCase golden, CausalLanguageModel model, JsonNode row, string what, GoldenReport report)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var examples = Examples(row["samples"]!);
        var packed = PackedRow.Of(examples);
        Same(Ids(row["packed"]!["input_ids"]), packed.Ids, what + " ids", report);
        Same(Ids(row["packed"]!["labels"]), packed.Labels, what + " labels", report);
        Same(Ids(row["packed"]!["position_ids"]), packed.Positions, what + " positions", report);
        Same(Ids(row["packed"]!["segment_ids"]), packed.Segments.Select(segment => segment - 1), what + " segments", report);
        using var batch = Batch.Pack([examples], 0, CPU);
        var tolerance = golden.Tolerance("loss");
        var loss = CausalLoss.Compute(model, batch.InputIds, batch.AttentionMask, batch.Labels, places: batch.Positions).item<float>();
        report.Close(row["expected_loss"]!.GetValue<double>(), loss, tolerance, what + " packed loss");
        using var padded = Batch.Collate(examples, 0, CPU);
        report.Close(
            row["padded_batch_loss"]!.GetValue<double>(),
            CausalLoss.Compute(model, padded.InputIds, padded.AttentionMask, padded.Labels).item<float>(),
            tolerance,
            what + " padded loss");
        var logits = model.Logits(model.Hidden(batch.InputIds, batch.AttentionMask, null, batch.Positions));

        // Recorded at the first, the middle and the last position of the packed row.
        foreach (var (expected, t) in row["last_logits_first_8"]!.AsArray().Zip([0, packed.Ids.Length / 2, packed.Ids.Length - 1]))
        {
            var own = logits[0, t].narrow(0, 0, 8).data<float>().ToArray();
            report.Check(expected!.AsArray().Zip(own).All(pair => Math.Abs(pair.First!.GetValue<double>() - pair.Second) <= golden.Tolerance("logits")), $"{what} logits {string.Join(", ", own)}");
        }
    }

    private static TokenizedExample[] Examples(JsonNode samples) => [.. samples.AsArray().Select(sample =>
        TokenizedExample.Of(Ids(sample!["input_ids"]), sample["labels"] is { } labels ? [.. Ids(labels).Select(label => label >= 0)] : [.. Ids(sample["input_ids"]).Select(_ => true)]))];

    private static void CheckExample(JsonNode expected, TokenizedExample example, string what, GoldenReport report) =>
        CheckLabels(Ids(expected["input_ids"]), Ids(expected["labels"]), example, what, report);

    private static void CheckLabels(int[] ids, int[] labels, TokenizedExample example, string what, GoldenReport report)
    {
        Same(ids, example.Ids, what + " ids", report);
        Same(labels, example.Ids.Select((id, t) => example.Learns(t) ? id : (int)CausalLoss.Ignored), what + " labels", report);
    }

    private static void Bins(JsonNode expected, IReadOnlyList<int[]> own, string what, GoldenReport report) =>
        report.Check(
            expected.AsArray().Count == own.Count && expected.AsArray().Zip(own).All(pair => Ids(pair.First).SequenceEqual(pair.Second)),
            $"{what}: {string.Join(" ", own.Select(bin => $"[{string.Join(',', bin)}]"))} instead of {expected.ToJsonString()}");

    private static void Same<T>(IEnumerable<T> expected, IEnumerable<T> own, string what, GoldenReport report) =>
        report.Check(expected.SequenceEqual(own), $"{what}: {string.Join(",", own)} instead of {string.Join(",", expected)}");

    private static PretrainedTokenizer Tokenizer(string folder)
    {
        if (!s_tokenizers.TryGetValue(folder, out var known))
            s_tokenizers[folder] = known = PretrainedTokenizer.Load(Path.Combine(GoldenCase.Root, folder));
        return known;
    }

    private static string Text(JsonNode? node) => node!.GetValue<string>();

    private static int[] Ids(JsonNode? node) => [.. node!.AsArray().Select(id => id!.GetValue<int>())];

    private static long[] Flat(JsonNode? node) => [.. node!.AsArray().SelectMany(row => row is JsonArray list ? list.Select(id => id!.GetValue<long>()) : [row!.GetValue<long>()])];
}
