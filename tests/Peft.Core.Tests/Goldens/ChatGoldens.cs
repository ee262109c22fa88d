using System.Text.Json.Nodes;
using Peft.Core.Chat;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Goldens;

/// <summary>Chat templates against what transformers renders, refuses and marks, row by row.</summary>
[Trait("Category", "Goldens")]
public sealed class ChatGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("chat");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Chat_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new TokenizerGoldens.Rows();
        if (golden.Text("subkind") == "jinja")
        {
            foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
                Compare(row, row["template"]!.GetValue<string>(), () => ChatTemplate.Parse(row["template"]!.GetValue<string>()).Render(row["context"]!.AsObject()), report);
            report.Throw();
            return;
        }

        var conversations = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, "..", "conversations.json")))!;
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, "tokenizer_config.json")))!.AsObject();
        var template = ChatTemplates.Of(config) ?? throw new InvalidDataException("no template");
        var tokenizer = PretrainedTokenizer.Load(Path.Combine(GoldenCase.Root, golden.Text("ids_tokenizer")));
        var special = golden.Json["context"]!.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
        {
            var options = row["options"]!.AsObject();
            var messages = conversations["conversations"]![row["conversation"]!.GetValue<string>()]!.AsArray();
            var how = new ChatOptions
            {
                Tools = row["tools"]!.GetValue<bool>() ? conversations["tools"]!.AsArray() : null,
                AddGenerationPrompt = options["add_generation_prompt"]?.GetValue<bool>() ?? false,
                ContinueFinalMessage = options["continue_final_message"]?.GetValue<bool>() ?? false,
                Variables = [.. options.Where(option => option.Key is not ("add_generation_prompt" or "continue_final_message")).Select(option => KeyValuePair.Create(option.Key, option.Value?.DeepClone()))],
            };
            var what = $"{row["conversation"]} {options.ToJsonString()}";
            if (Compare(row, what, () => template.Render(messages, special, how), report) is { } rendered)
                CheckTokens(row, what, rendered, tokenizer, report);
        }

        report.Throw();
    }

    private static RenderedChat? Compare(JsonNode row, string what, Func<RenderedChat> render, TokenizerGoldens.Rows report)
    {
        try
        {
            var rendered = render();
            if (row["rendered"] is { } expected)
            {
                report.Equal(expected.GetValue<string>(), rendered.Text, what);
                return rendered;
            }

            report.Fail($"{what}: should fail with {row["error"]!.ToJsonString()}, but gives '{rendered.Text}'");
        }
        catch (PeftException error)
        {
            if (row["error"] is not { } wanted)
                report.Fail($"{what}: {error.Message}");
            else if (wanted["type"]!.GetValue<string>() == "TemplateError" && error.Message != wanted["message"]!.GetValue<string>())
                report.Fail($"{what}: '{error.Message}' instead of '{wanted["message"]}'");
        }

        return null;
    }

    private static void CheckTokens(JsonNode row, string what, RenderedChat rendered, PretrainedTokenizer tokenizer, TokenizerGoldens.Rows report)
    {
        if (row["ids"] is { } ids)
            report.Equal(ids.AsArray().Select(id => id!.GetValue<int>()), tokenizer.Encode(rendered.Text), $"{what} ids");
        if (row["assistant_spans"] is not { } points)
            return;
        static IEnumerable<(int, int)> Pairs(JsonNode list) => list.AsArray().Select(pair => (pair![0]!.GetValue<int>(), pair[1]!.GetValue<int>()));
        report.Equal(Pairs(points), rendered.AssistantSpans.Select(span => (TextOffsets.CodePoints(rendered.Text, span.Start), TextOffsets.CodePoints(rendered.Text, span.End))), $"{what} spans");
        report.Equal(Pairs(row["assistant_spans_utf16"] ?? points), rendered.AssistantSpans, $"{what} spans in UTF-16");
        report.Equal(
            row["assistant_mask"]!.AsArray().Select(mark => mark!.GetValue<int>() == 1), AssistantTokens.Mask(tokenizer.EncodeWithOffsets(rendered.Text), rendered.AssistantSpans), $"{what} mask");
    }
}
