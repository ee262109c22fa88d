using System.Text.Json.Nodes;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Models;

public sealed class ModelTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private const string SampleId = "mini-llama-zh";

    private static readonly string s_sample = Path.Combine(Repository.Root, "samples", "models", SampleId);

    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Card_OfTheSample_SaysWhatItIs()
    {
        var card = await CardAsync(SampleId);

        Assert.Null(card.Problem);
        Assert.Equal((7_889_152L, "bfloat16", true, "cc0-1.0"), (card.Summary.Parameters, card.Summary.Dtype, card.Summary.IsSample, card.Summary.License));
        Assert.Equal(["zh", "en"], card.Summary.Languages);
        Assert.Equal((6144, 1024), (card.VocabularySize, card.MaxPositions));
        Assert.Equal(("256", "true"), (card.Config["hidden_size"], card.Config["attention_bias"]));
        Assert.StartsWith("# Workbench mini base model", card.Readme, StringComparison.Ordinal);
        Assert.Contains("bos_token", card.ChatTemplate, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_AfterAFolderWasCopied_ShowsItWithoutARestart()
    {
        CopySample("copied-later");

        var found = Assert.Single(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "copied-later");

        Assert.Equal((7_889_152L, false), (found.Parameters, found.IsSample));
    }

    [Theory]
    [InlineData("truncated", "truncated")]
    [InlineData("lying", "safetensors")]
    [InlineData("missing", "model.norm.weight")]
    [InlineData("shape", "model.embed_tokens.weight")]
    [InlineData("unknown", "mamba")]
    [InlineData("no-config-json", "config.json")]
    [InlineData("no-weights", "expected model.safetensors")]
    [InlineData("no-tokenizer", "tokenizer.json")]
    [InlineData("odd-template", "chat_template")]
    public async Task Card_OfADamagedFolder_NamesTheCulprit(string damage, string culprit)
    {
        var folder = CopySample("damaged-" + damage);
        Damage(folder, damage);

        var card = await CardAsync("damaged-" + damage);

        Assert.Contains(culprit, card.Problem!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Card_OfNoModel_Is404() =>
        Assert.Contains("'nobody'", await _http.RefusalAsync(HttpMethod.Get, Routes.Models + "/nobody", null, 404), StringComparison.Ordinal);

    private static void Damage(string folder, string damage)
    {
        var (weights, config) = (Path.Combine(folder, "model.safetensors"), Path.Combine(folder, "config.json"));
        switch (damage)
        {
            case "truncated":
                using (var file = File.OpenWrite(weights))
                    file.SetLength(file.Length - 1000);
                break;
            case "lying":
                using (var file = File.OpenWrite(weights))
                    file.Write([0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
                break;
            case "missing":
                Rename(weights, "model.norm.weight", "model.morn.weight");
                break;
            case "shape":
                Edit(config, json => json["hidden_size"] = 128);
                break;
            case "unknown":
                Edit(config, json => json["model_type"] = "mamba");
                break;
            case "no-config-json":
                File.WriteAllText(config, "{ \"model_type\": ");
                break;
            case "no-weights":
                File.Delete(weights);
                break;
            case "no-tokenizer":
                File.Delete(Path.Combine(folder, "tokenizer.json"));
                break;
            case "odd-template":
                Edit(Path.Combine(folder, "tokenizer_config.json"), json => json["chat_template"] = "{% for message %}");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(damage), damage, "no such damage");
        }
    }

    private static void Edit(string path, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private static void Rename(string path, string name, string other)
    {
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(name));
        System.Text.Encoding.UTF8.GetBytes(other).CopyTo(bytes, at);
        File.WriteAllBytes(path, bytes);
    }

    private string CopySample(string id)
    {
        var folder = Directory.CreateDirectory(Path.Combine(server.Data, "models", id)).FullName;
        foreach (var file in Directory.EnumerateFiles(s_sample))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private Task<ModelCard> CardAsync(string id) => _http.AskAsync<ModelCard>($"{Routes.Models}/{id}");
}
