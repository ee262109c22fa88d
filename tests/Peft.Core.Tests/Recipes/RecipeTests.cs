using System.IO.Compression;
using System.Text.Json.Nodes;
using Peft.Core.Recipes;
using Peft.Core.Runs;
using Peft.Core.Tests.Training;
using Peft.Core.Training;

namespace Peft.Core.Tests.Recipes;

[Collection(TorchCollection.Name)]
public sealed class RecipeTests : IDisposable
{
    private readonly TinyRun tiny = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        tiny.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Recipe_WrittenAndRead_RepeatsTheRunBitForBit()
    {
        var first = tiny.Order(training: new JsonObject { ["lr_scheduler_type"] = "cosine_with_restarts", ["lr_scheduler_kwargs"] = new JsonObject { ["num_cycles"] = 2 }, ["optim_args"] = "" });
        var file = folder.File("recipe.yaml");
        File.WriteAllText(file, RunExport.Text(first, RunExportFormat.Recipe));

        var order = Recipe.Read(file, out var hash);
        var second = RunDirectory.Create(tiny.Runs, order);
        RunTrainer.Run(first.Root);
        RunTrainer.Run(second.Root);

        Assert.Equal(TinyRun.Losses(first), TinyRun.Losses(second));
        Assert.Equal(Recipe.DataHash(tiny.Dataset), hash);
        Assert.NotEqual(RunDirectory.ReadRequest(first).Id, order.Id);
    }

    [Theory]
    [InlineData("no")]
    [InlineData("1e5")]
    [InlineData("007")]
    [InlineData("null")]
    [InlineData("a: b # c")]
    [InlineData("第一行\n第二行 \"'")]
    [InlineData("")]
    public void Yaml_Texts_ComeBackAsTexts(string text)
    {
        var json = new JsonObject { ["text"] = text, ["list"] = new JsonArray(text, 1, 0.5, true, null), ["map"] = new JsonObject { ["inner"] = 1e-5 } };

        var back = YamlText.Read(YamlText.Write(json), "x");

        Assert.True(JsonNode.DeepEquals(json["text"], back["text"]), back.ToJsonString());
        Assert.Equal(json["list"]!.ToJsonString(), back["list"]!.ToJsonString());
        Assert.Equal(1e-5, back["map"]!["inner"]!.GetValue<double>());
    }

    [Theory]
    [InlineData("a: [1, 2", "line")]
    [InlineData("- 1", "fields")]
    public void Read_NoRecipe_SaysWhere(string text, string expected)
    {
        var error = Assert.Throws<PeftException>(() => YamlText.Read(text, "r.yaml"));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NamesThatGrowWithoutEnd_IsRefused()
    {
        var text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + string.Concat(Enumerable.Range(0, 8).Select(i => $"{(char)('b' + i)}: &{(char)('b' + i)} [{string.Join(", ", Enumerable.Repeat("*" + (char)('a' + i), 10))}]\n"));

        Assert.Throws<PeftException>(() => YamlText.Read(text, "r.yaml"));
    }

    [Fact]
    public void Exports_ForOtherPrograms_HoldTheSettings()
    {
        var paths = tiny.Order(training: new JsonObject { ["neftune_noise_alpha"] = 5, ["eval_steps"] = 3, ["early_stopping_patience"] = 2 });

        var script = RunExport.Text(paths, RunExportFormat.HuggingFace);
        var factory = YamlText.Read(RunExport.Text(paths, RunExportFormat.LlamaFactory), "x");

        Assert.Contains("LoraConfig(", script, StringComparison.Ordinal);
        Assert.Contains("    r=4,", script, StringComparison.Ordinal);
        Assert.Contains("    learning_rate=0.01,", script, StringComparison.Ordinal);
        Assert.Contains("neftune_noise_alpha=5", script, StringComparison.Ordinal);
        Assert.Contains("EarlyStoppingCallback(2, 0)", script, StringComparison.Ordinal);
        Assert.Equal("lora", factory["finetuning_type"]!.ToString());
        Assert.Equal("all", factory["lora_target"]!.ToString());
        Assert.Equal(0.01, factory["learning_rate"]!.GetValue<double>());
    }

    [Fact]
    public void Exports_WhatTheOtherProgramLacks_AreRefused()
    {
        var paths = tiny.Order(new JsonObject { ["peft_type"] = "HOULSBY" });

        Assert.Contains("HOULSBY", Assert.Throws<PeftException>(() => RunExport.Text(paths, RunExportFormat.HuggingFace)).Message, StringComparison.Ordinal);
        Assert.Contains("HOULSBY", Assert.Throws<PeftException>(() => RunExport.Text(paths, RunExportFormat.LlamaFactory)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bundle_FinishedRun_HoldsWhatDocumentsIt()
    {
        var paths = tiny.Order(testRecords: 2);
        RunTrainer.Run(paths.Root);
        var file = folder.File("run.zip");
        using (var stream = File.Create(file))
            RunExport.Bundle(paths, stream);

        using var zip = ZipFile.OpenRead(file);
        var names = zip.Entries.Select(entry => entry.FullName).ToArray();

        Assert.All(new[] { "summary.json", "recipe.yaml", "run.json", "events.jsonl", "adapter/adapter_config.json", "predictions/test.jsonl" }, name => Assert.Contains(name, names));
        using var reader = new StreamReader(zip.GetEntry("summary.json")!.Open());
        var summary = JsonNode.Parse(reader.ReadToEnd())!;
        Assert.Equal(42, summary["seed"]!.GetValue<int>());
        Assert.NotNull(summary["data_hash"]);
        Assert.NotNull(summary["versions"]!["libtorch"]);
    }
}
