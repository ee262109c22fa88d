using System.Text.Json.Nodes;
using Peft.Core.Chat;

namespace Peft.Core.Tests.Goldens;

/// <summary>The built-in templates against the recorded renderings of the models' own, for conversations of the usual form.</summary>
[Trait("Category", "Goldens")]
public sealed class BuiltInTemplateGoldens
{
    [SkippableTheory]
    [InlineData("alpaca", "alpaca")]
    [InlineData("chatml", "chatml")]
    [InlineData("llama2", "llama2")]
    [InlineData("llama3", "llama3")]
    [InlineData("mistral", "mistral-v3")]
    [InlineData("gemma", "gemma")]
    [InlineData("phi", "phi3")]
    [InlineData("glm", "glm4")]
    [InlineData("deepseek", "deepseek-v3")]
    [InlineData("zephyr", "zephyr")]
    [InlineData("baichuan", "baichuan2")]
    public void BuiltIn_UsualConversations_AreRenderedAsTheModelsOwn(string name, string recorded)
    {
        Skip.IfNot(Directory.Exists(Path.Combine(GoldenCase.Root, "chat", recorded)), "the tree has no such case");
        var golden = GoldenCase.Open(Path.Combine("chat", recorded));
        var conversations = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, "..", "conversations.json")))!["conversations"]!;
        var special = golden.Json["context"]!.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value);
        var template = ChatTemplates.Compile(ChatTemplates.BuiltIn[name].Source);
        var report = new TokenizerGoldens.Rows();
        var compared = 0;
        foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
        {
            var messages = conversations[row["conversation"]!.GetValue<string>()]!.AsArray();
            if (row["rendered"] is not { } expected || row["tools"]!.GetValue<bool>() || !IsUsual(messages) || row["options"]!["continue_final_message"] is not null || row["options"]!.AsObject().Count > 1)
                continue;
            compared++;
            var rendered = template.Render(messages, special, new ChatOptions { AddGenerationPrompt = row["options"]!["add_generation_prompt"]?.GetValue<bool>() ?? false });
            report.Equal(expected.GetValue<string>(), rendered.Text, $"{name} {row["conversation"]} {row["options"]!.ToJsonString()}");
        }

        report.Throw();
        Assert.True(compared >= 8, $"only {compared} rows");
    }

    /// <summary>At most a system message in front, then user and assistant in turn, texts only.</summary>
    private static bool IsUsual(JsonArray messages)
    {
        var roles = messages.Select(message => message!["role"]!.GetValue<string>()).ToList();
        if (roles.Count > 0 && roles[0] == "system")
            roles.RemoveAt(0);
        return roles.Count > 0 && roles.Select((role, i) => role == (i % 2 == 0 ? "user" : "assistant")).All(fits => fits)
            && messages.All(message => message!["content"] is JsonValue content && content.TryGetValue<string>(out _) && message.AsObject().Count == 2);
    }
}
