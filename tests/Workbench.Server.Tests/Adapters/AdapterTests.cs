using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Adapters;

/// <summary>Adapters as things: imported, looked at, compared, and made into others by real workers.</summary>
public sealed class AdapterTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Import_ZipOrFolder_IsListedAndInspected(bool zipped)
    {
        var adapter = zipped
            ? await ImportAsync("mine", [("mine.zip", LoraFiles.Zip(LoraFiles.Files(4, 1), "inside/"))])
            : await ImportAsync("", [.. LoraFiles.Files(4, 1).Select(file => ("folder/" + file.Key, file.Value))]);

        Assert.Equal(("LORA", 4, AdapterSource.Imported), (adapter.PeftType, adapter.Rank, adapter.Source));
        Assert.Equal(8 * 2 * 4 * 256, adapter.Parameters);
        Assert.Equal(zipped ? "mine" : "folder", adapter.Name);
        Assert.Contains(await server.Http.AskAsync<AdapterSummary[]>(Routes.Adapters), known => known.Id == adapter.Id);
        var detail = await DetailAsync(adapter.Id);
        Assert.Equal(16, detail.Tensors.Count);
        Assert.True(detail is { CanMerge: true, IsLora: true, CanConvert: false, Format: "Peft" });
        Assert.Empty(detail.Problems);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], detail.Files.Select(file => file.Path));
    }

    [Fact]
    public async Task Import_WhatIsNoAdapter_IsRefusedAndLeavesNothing()
    {
        var files = LoraFiles.Files(2, 1);
        var before = Directory.GetDirectories(Path.Combine(server.Factory.Data, "adapters", ".work"));
        await RefusedAsync("adapter_config.json", [("a.zip", LoraFiles.Zip(new() { ["readme.md"] = [1] }))]);
        await RefusedAsync("no zip file", [("a.zip", [1, 2, 3, 4])]);
        await RefusedAsync("no zip file", [("a.zip", [.. new byte[100]])]);
        await RefusedAsync("weights are missing", [("a.zip", LoraFiles.Zip(new() { ["adapter_config.json"] = files["adapter_config.json"] }))]);
        await RefusedAsync("not known", [("adapter_config.json", Encoding.UTF8.GetBytes("""{"peft_type":"NEW"}""")), ("adapter_model.safetensors", files["adapter_model.safetensors"])]);
        await RefusedAsync("", [("adapter_config.json", files["adapter_config.json"]), ("adapter_model.safetensors", files["adapter_model.safetensors"][..200])]);
        await RefusedAsync("adapter_config.json", [("../../adapter_config.jso", [1])]);
        Assert.Equal(before, Directory.GetDirectories(Path.Combine(server.Factory.Data, "adapters", ".work")));
    }

    [Fact]
    public async Task Detail_OfAnAdapterForAnotherBase_SaysThatItDoesNotFit()
    {
        var files = LoraFiles.Files(2, 1);
        files["adapter_config.json"] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files["adapter_config.json"]).Replace("q_proj", "query_key_value", StringComparison.Ordinal));
        var adapter = await ImportAsync("other", [("a.zip", LoraFiles.Zip(files))]);

        Assert.Contains((await DetailAsync(adapter.Id)).Problems, problem => problem.Message.Contains("query_key_value", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Merge_MakesAModelWithACard_AndTheNameIsTaken()
    {
        var adapter = await ImportAsync("to merge", [("a.zip", LoraFiles.Zip(LoraFiles.Files(4, 2)))]);
        var order = new AdapterOrder { Kind = AdapterJobKind.Merge, Adapters = [adapter.Id], Name = "merged-here", ShardGiB = 0.004 };

        var job = await DoneAsync(await StartAsync(order));

        Assert.Equal((AdapterJobState.Done, "merged-here", true), (job.State, job.ResultId, job.HasFile));
        Assert.True(job.Report is { Restored: true, LargestDifference: < 1 });
        var card = await server.Http.AskAsync<ModelCard>(Routes.Models + "/merged-here");
        Assert.Null(card.Problem);
        Assert.Contains("LoRA", card.Readme, StringComparison.Ordinal);
        Assert.True(Directory.GetFiles(card.Path, "*.safetensors").Length > 1);
        Assert.False(Directory.Exists(Path.Combine(server.Factory.Data, "adapters", ".work", job.Id)));
        using var zip = await server.Http.GetAsync(new Uri($"{Routes.Adapters}/jobs/{job.Id}/file", UriKind.Relative));
        Assert.Equal("application/zip", zip.Content.Headers.ContentType?.MediaType);
        await server.Http.RefusalAsync(HttpMethod.Post, Routes.Adapters + "/jobs", order, 422);
    }

    [Fact]
    public async Task CombineCompareGguf_OfTwoAdapters()
    {
        var first = await ImportAsync("first", [("a.zip", LoraFiles.Zip(LoraFiles.Files(4, 3)))]);
        var second = await ImportAsync("second", [("a.zip", LoraFiles.Zip(LoraFiles.Files(2, 4)))]);

        var combined = await DoneAsync(await StartAsync(new AdapterOrder { Kind = AdapterJobKind.Combine, Adapters = [first.Id, second.Id], Weights = [0.5, 0.5], CombinationType = "cat", Name = "both" }));
        Assert.Equal(AdapterJobState.Done, combined.State);
        var detail = await DetailAsync(combined.ResultId!);
        Assert.Equal((6, AdapterSource.Made, "cat: first × 0.5, second × 0.5"), (detail.Summary.Rank, detail.Summary.Source, detail.Origin));

        var comparison = await server.Http.AskAsync<AdapterComparisonDto>($"{Routes.Adapters}/compare?first={first.Id}&second={combined.ResultId}");
        Assert.True(comparison.Changes);
        Assert.Equal(8, comparison.Rows.Count);
        Assert.All(comparison.Rows, row => Assert.InRange(row.Cosine!.Value, 0.3, 1));
        Assert.Contains(comparison.Settings, setting => setting.Name == "r");

        var gguf = await DoneAsync(await StartAsync(new AdapterOrder { Kind = AdapterJobKind.Gguf, Adapters = [first.Id] }));
        var bytes = await server.Http.GetByteArrayAsync(new Uri($"{Routes.Adapters}/jobs/{gguf.Id}/file", UriKind.Relative));
        Assert.Equal("GGUF"u8.ToArray(), bytes[..4]);

        var refused = await DoneAsync(await StartAsync(new AdapterOrder { Kind = AdapterJobKind.Combine, Adapters = [first.Id, second.Id], Weights = [1, 1], CombinationType = "linear" }));
        Assert.Equal(AdapterJobState.Failed, refused.State);
        Assert.Contains("ranks differ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Factory.Data, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Convert_OfAPissaAdapter_MakesPlainLoraOfTwiceTheRank()
    {
        var adapter = await ImportAsync("pissa", [("a.zip", LoraFiles.Zip(LoraFiles.Files(2, 5, "pissa")))]);
        Assert.True((await DetailAsync(adapter.Id)) is { CanConvert: true, IsLora: false });

        var job = await DoneAsync(await StartAsync(new AdapterOrder { Kind = AdapterJobKind.Convert, Adapters = [adapter.Id], Name = "plain" }));

        Assert.Equal((4, "plain"), ((await DetailAsync(job.ResultId!)).Summary.Rank, (await DetailAsync(job.ResultId!)).Summary.Name));
    }

    [Fact]
    public async Task Cancel_OfAJob_LeavesNothingOfIt()
    {
        var adapter = await ImportAsync("cancelled", [("a.zip", LoraFiles.Zip(LoraFiles.Files(2, 6)))]);
        var job = await StartAsync(new AdapterOrder { Kind = AdapterJobKind.Merge, Adapters = [adapter.Id], Name = "never" });

        var cancelled = await server.Http.SendAsync<AdapterJob>(HttpMethod.Post, $"{Routes.Adapters}/jobs/{job.Id}/cancel");

        Assert.Equal(AdapterJobState.Cancelled, cancelled.State);
        Assert.False(Directory.Exists(Path.Combine(server.Factory.Data, "models", "never")));
        Assert.False(Directory.Exists(Path.Combine(server.Factory.Data, "adapters", ".work", job.Id)));
        (await server.Http.TryAsync(HttpMethod.Delete, $"{Routes.Adapters}/jobs/{job.Id}")).Dispose();
        Assert.DoesNotContain(await server.Http.AskAsync<AdapterJob[]>(Routes.Adapters + "/jobs"), known => known.Id == job.Id);
    }

    [Fact]
    public async Task Generate_WithImportedAdapters_SwitchesBetweenThemByTheQuestion()
    {
        var first = await ImportAsync("one", [("a.zip", LoraFiles.Zip(LoraFiles.Files(4, 7)))]);
        var second = await ImportAsync("two", [("a.zip", LoraFiles.Zip(LoraFiles.Files(4, 8)))]);
        var wrong = await ImportAsync("wrong", [("a.zip", LoraFiles.Zip(LoraFiles.Files(4, 8, width: 128)))]);
        await using var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(server.Factory.Server.BaseAddress, Routes.PlaygroundHub), options =>
            {
                options.HttpMessageHandlerFactory = _ => server.Factory.Server.CreateHandler();
                options.Transports = HttpTransportType.LongPolling;
            })
            .AddJsonProtocol(options => options.PayloadSerializerOptions = WorkbenchFactory.Json)
            .Build();
        await hub.StartAsync();

        async Task<(string Text, string? Error)> Ask(string? adapter)
        {
            var request = new GenerateRequest { ModelId = server.Project.ModelId, AdapterId = adapter, Instruction = "请回答。", Input = "刘德华", MaxNewTokens = 4 };
            var text = new StringBuilder();
            string? error = null;
            await foreach (var chunk in hub.StreamAsync<GenerateChunk>("Generate", request))
                (_, error) = (text.Append(chunk.Text), chunk.Error);
            return (text.ToString(), error);
        }

        var alone = await Ask(null);
        foreach (var id in new[] { first.Id, second.Id, first.Id })
            Assert.Null((await Ask(id)).Error);
        Assert.Contains("shape", (await Ask(wrong.Id)).Error, StringComparison.Ordinal);
        Assert.Contains("01NO", (await Ask("01NO")).Error, StringComparison.Ordinal);
        Assert.Equal(alone, await Ask(null));
    }

    [Fact]
    public async Task Remove_DeletesAnImport()
    {
        var adapter = await ImportAsync("gone", [("a.zip", LoraFiles.Zip(LoraFiles.Files(2, 9)))]);
        using var zip = await server.Http.GetAsync(new Uri($"{Routes.Adapters}/{adapter.Id}/files.zip", UriKind.Relative));
        Assert.Equal("application/zip", zip.Content.Headers.ContentType?.MediaType);

        using var removed = await server.Http.TryAsync(HttpMethod.Delete, $"{Routes.Adapters}/{adapter.Id}");

        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        await server.Http.RefusalAsync(HttpMethod.Get, $"{Routes.Adapters}/{adapter.Id}", null, 404);
    }

    private Task<AdapterDetail> DetailAsync(string id) => server.Http.AskAsync<AdapterDetail>($"{Routes.Adapters}/{id}");

    private Task<AdapterJob> StartAsync(AdapterOrder order) => server.Http.SendAsync<AdapterJob>(HttpMethod.Post, Routes.Adapters + "/jobs", order);

    private async Task<AdapterJob> DoneAsync(AdapterJob job)
    {
        for (var i = 0; i < 480; i++)
        {
            var now = (await server.Http.AskAsync<AdapterJob[]>(Routes.Adapters + "/jobs")).Single(known => known.Id == job.Id);
            if (now.State is not (AdapterJobState.Waiting or AdapterJobState.Running))
                return now;
            await Task.Delay(250);
        }

        throw new TimeoutException($"{job.Kind} did not end within two minutes.");
    }

    private async Task<AdapterSummary> ImportAsync(string name, (string Path, byte[] Content)[] files)
    {
        using var answer = await SendAsync(name, files);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<AdapterSummary>(text, WorkbenchFactory.Json)!;
    }

    private async Task RefusedAsync(string said, (string Path, byte[] Content)[] files)
    {
        using var answer = await SendAsync("", files);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(said, JsonDocument.Parse(text).RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> SendAsync(string name, (string Path, byte[] Content)[] files)
    {
        using var form = new MultipartFormDataContent();
        foreach (var (path, content) in files)
        {
            var part = new ByteArrayContent(content);
            part.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(part, "files", path);
        }

        return await server.Http.PostAsync(new Uri($"{Routes.Adapters}/import?name={Uri.EscapeDataString(name)}&model={server.Project.ModelId}", UriKind.Relative), form);
    }
}
