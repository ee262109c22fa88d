using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Planning;

public sealed class PretrainingTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Fact]
    public async Task Choices_EveryLayout_HasSizesAndAnObjective()
    {
        var choices = await server.Http.AskAsync<PretrainChoices>(Routes.Pretraining);

        Assert.Equal(["roberta", "bert", "mt5", "t5", "llama"], choices.Layouts.Select(layout => layout.ModelType));
        Assert.Equal("masked_lm", choices.Layouts[0].Objective);
        Assert.Equal(256, choices.Layouts[0].Sizes["hidden_size"].GetInt32());
        Assert.False(choices.Layouts[0].Sizes.ContainsKey("initializer_range"));
    }

    [Fact]
    public async Task Preview_UploadedText_CountsDocumentsAndParameters()
    {
        var corpus = await UploadAsync("notes.txt", "one\n\ntwo\n\nthree");

        var preview = await PreviewAsync(Draft() with { CorpusPath = corpus.Path });

        Assert.Empty(preview.Problems);
        Assert.Equal(3, preview.Documents);
        Assert.Equal(6145, preview.Vocabulary);
        Assert.Equal(6_516_481, preview.Parameters);
        Assert.Contains("peft pretrain --layout roberta", preview.Command, StringComparison.Ordinal);
        Assert.Contains("--neighbour-start", preview.Command, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_SeveralMistakes_AreAllNamed()
    {
        var preview = await PreviewAsync(Draft() with
        {
            Name = "no/name",
            CorpusPath = "/nowhere/at/all.txt",
            NoiseDensity = 2,
            TakeEmbeddings = true,
            Config = new() { ["hidden_size"] = JsonSerializer.SerializeToElement(128) },
            Training = new() { ["max_length"] = JsonSerializer.SerializeToElement(4000), ["colour"] = JsonSerializer.SerializeToElement(1) },
        });

        Assert.Equal(["colour", "corpus", "init_embeddings_from", "max_length", "name", "noise_density"], preview.Problems.Select(problem => problem.Field).Order());
    }

    [Fact]
    public async Task Preview_RelativePath_ReachesNothingButUploads()
    {
        var preview = await PreviewAsync(Draft() with { CorpusPath = "../../etc/passwd" });

        Assert.Contains(preview.Problems, problem => problem.Field == "corpus");
    }

    [Fact]
    public async Task Upload_WithoutATextField_IsRefusedByNameAndLine()
    {
        using var body = Body("{\"body\": \"x\"}\n");
        using var answer = await server.Http.PutAsync(new Uri(Routes.Pretraining + "/corpora/lines.jsonl", UriKind.Relative), body);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("lines.jsonl", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static PretrainDraft Draft() => new() { Name = "mine", Layout = "roberta", TokenizerModelId = "mini-llama-zh" };

    private static ByteArrayContent Body(string text) => new(Encoding.UTF8.GetBytes(text)) { Headers = { ContentType = new("application/octet-stream") } };

    private async Task<CorpusFile> UploadAsync(string name, string text)
    {
        using var body = Body(text);
        using var answer = await server.Http.PutAsync(new Uri($"{Routes.Pretraining}/corpora/{name}", UriKind.Relative), body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<CorpusFile>())!;
    }

    private async Task<PretrainPreview> PreviewAsync(PretrainDraft draft)
    {
        using var answer = await server.Http.PostAsJsonAsync(Routes.Pretraining + "/preview", draft);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<PretrainPreview>())!;
    }
}
