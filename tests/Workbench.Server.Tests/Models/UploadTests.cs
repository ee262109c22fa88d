using System.Net.Http.Headers;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Models;

/// <summary>Uploads in pieces, models that are used where they lie, and removing.</summary>
public sealed class UploadTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private static readonly string s_sample = Path.Combine(Repository.Root, "samples", "models", "mini-llama-zh");

    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Upload_InPieces_BecomesAModel()
    {
        var order = Order("sent");
        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/upload", order);
        Assert.Equal(7_889_152, plan.Needs!.Parameters);
        var state = await StartAsync(order);
        await SendAsync(state.Job, order, stopAfter: 2);

        // The browser comes back with the same folder: the same upload, and it knows how far it was.
        var again = await StartAsync(order);
        Assert.Equal(state.Job.Id, again.Job.Id);
        Assert.Equal(2, again.Received.Count(file => file.Size == order.Files.Single(sent => sent.Path == file.Path).Size));
        Assert.DoesNotContain(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "sent");
        await SendAsync(again.Job, order);

        var done = await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{state.Job.Id}/finish");

        Assert.Equal((ModelJobState.Done, null), (done.State, done.Message));
        Assert.Null((await _http.AskAsync<ModelCard>(Routes.Models + "/sent")).Problem);
    }

    [Fact]
    public async Task Upload_PieceAtAnotherPlace_IsNotTaken()
    {
        var order = Order("pieces");
        var job = (await StartAsync(order)).Job;
        await PutAsync(job, "config.json", 0, new byte[10]);

        Assert.Equal(10, (await PutAsync(job, "config.json", 0, new byte[10])).Size);
        Assert.Equal(10, (await PutAsync(job, "config.json", 50, new byte[10])).Size);
        await RefusedPieceAsync(job, "config.json", 10, new byte[1 << 20], "more bytes arrive");
        await RefusedPieceAsync(job, "../config.json", 0, [1], "none of the files");
        Assert.Contains("not complete", (await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{job.Id}/finish")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_OfATruncatedFile_StaysInvisible()
    {
        var order = Order("cut");
        var short1 = order with { Files = [.. order.Files.Select(file => file.Path == "model.safetensors" ? file with { Size = file.Size - 1000 } : file)] };
        var job = (await StartAsync(short1)).Job;
        await SendAsync(job, short1);

        var failed = await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{job.Id}/finish");

        Assert.Equal(ModelJobState.Failed, failed.State);
        Assert.Contains("truncated", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "cut");
    }

    [Theory]
    [InlineData("../config.json", "is refused")]
    [InlineData("a/../../config.json", "is refused")]
    [InlineData("/etc/config.json", "is refused")]
    [InlineData("a\\b.json", "is refused")]
    [InlineData("con\u0007fig.json", "is refused")]
    [InlineData(".ssh/authorized_keys", "is refused")]
    [InlineData("a/b/c/d/e.json", "folders deep")]
    [InlineData("CONFIG.JSON", "there twice")]
    public async Task Upload_OfAnOddName_IsRefused(string name, string why)
    {
        var order = Order("odd") with { Files = [new("config.json", 10), new(name, 10)] };
        Assert.Contains(why, await _http.RefusalAsync(HttpMethod.Post, Routes.ModelJobs + "/upload", order, 422), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("add")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("")]
    public async Task Upload_UnderAnOddModelName_IsRefused(string name) => Assert.Contains(
        "cannot be a model's name", await _http.RefusalAsync(HttpMethod.Post, Routes.ModelJobs + "/upload", Order(name), 422), StringComparison.Ordinal);

    [Fact]
    public async Task Upload_LargerThanTheDisk_IsRefused()
    {
        var order = Order("huge") with { Files = [new("config.json", 10), new("model.safetensors", 3L << 40)] };
        Assert.Contains("no room", await _http.RefusalAsync(HttpMethod.Post, Routes.ModelJobs + "/upload", order, 422), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_WithoutConfig_IsRefused() => Assert.Contains(
        "no config.json", await _http.RefusalAsync(HttpMethod.Post, Routes.ModelJobs + "/upload", Order("x") with { Files = [new("notes.txt", 3)] }, 422), StringComparison.Ordinal);

    [Fact]
    public async Task Local_IsUsedWhereItLies_AndRemovingOnlyForgetsIt()
    {
        var folder = CopySample();

        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/local", new LocalModel(folder + "/"));
        Assert.Equal((7_889_152L, null), (plan.Needs!.Parameters, plan.Problem));
        var model = await _http.SendAsync<ModelSummary>(HttpMethod.Post, Routes.LocalModels, new LocalModel(folder, "in-place"));
        Assert.Equal((ModelPlace.InPlace, "in-place"), (model.Place, model.Id));
        Assert.Equal(folder, (await _http.AskAsync<ModelCard>(Routes.Models + "/in-place")).Path);

        using var removed = await _http.TryAsync(HttpMethod.Delete, Routes.Models + "/in-place");

        Assert.True(removed.IsSuccessStatusCode);
        Assert.DoesNotContain(await _http.AskAsync<ModelSummary[]>(Routes.Models), other => other.Id == "in-place");
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors")));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Local_FolderOfLinks_CountsWhatTheyLeadTo()
    {
        var (folder, links) = (CopySample(), Directory.CreateTempSubdirectory("workbench-links-").FullName);
        foreach (var file in Directory.EnumerateFiles(folder))
            File.CreateSymbolicLink(Path.Combine(links, Path.GetFileName(file)), file);

        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/local", new LocalModel(links));

        Assert.Null(plan.Problem);
        Assert.Equal(new DirectoryInfo(folder).GetFiles().Sum(file => file.Length), plan.Bytes);
        Directory.Delete(folder, recursive: true);
        Directory.Delete(links, recursive: true);
    }

    [Theory]
    [InlineData("models/here", "no complete path")]
    [InlineData("/there/is/nothing", "does not exist")]
    [InlineData("/usr", "holds no model")]
    public async Task Local_WithoutAModel_SaysWhy(string path, string why) =>
        Assert.Contains(why, await _http.RefusalAsync(HttpMethod.Post, Routes.LocalModels, new LocalModel(path), 422), StringComparison.Ordinal);

    [Fact]
    public async Task Remove_OfTheSample_IsRefused() =>
        Assert.Contains("came with the workbench", await _http.RefusalAsync(HttpMethod.Delete, Routes.Models + "/mini-llama-zh", null, 422), StringComparison.Ordinal);

    [Fact]
    public async Task Remove_OfALinkedFolder_LeavesWhatItLeadsTo()
    {
        var folder = CopySample();
        Directory.CreateSymbolicLink(Path.Combine(server.Data, "models", "linked"), folder);
        Assert.Contains(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "linked");

        await _http.TryAsync(HttpMethod.Delete, Routes.Models + "/linked");

        Assert.False(Path.Exists(Path.Combine(server.Data, "models", "linked")));
        Assert.True(File.Exists(Path.Combine(folder, "config.json")));
        Directory.Delete(folder, recursive: true);
    }

    private static UploadOrder Order(string name) => new(
        name,
        [.. new DirectoryInfo(s_sample).GetFiles().Select(file => new ModelFile(file.Name, file.Length))],
        File.ReadAllText(Path.Combine(s_sample, "config.json")));

    private static string CopySample()
    {
        var folder = Directory.CreateTempSubdirectory("workbench-model-").FullName;
        foreach (var file in Directory.EnumerateFiles(s_sample))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private Task<UploadState> StartAsync(UploadOrder order) => _http.SendAsync<UploadState>(HttpMethod.Post, Routes.ModelJobs + "/upload", order);

    private async Task SendAsync(ModelJob job, UploadOrder order, int stopAfter = int.MaxValue)
    {
        const int piece = 1 << 20;
        foreach (var file in order.Files.Take(stopAfter))
        {
            var content = (await File.ReadAllBytesAsync(Path.Combine(s_sample, file.Path)))[..(int)file.Size];
            for (var at = 0; at < content.Length; at += piece)
                await PutAsync(job, file.Path, at, content[at..Math.Min(content.Length, at + piece)]);
        }
    }

    private async Task<ModelFile> PutAsync(ModelJob job, string path, long offset, byte[] bytes)
    {
        using var answer = await TryPutAsync(job, path, offset, bytes);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return System.Text.Json.JsonSerializer.Deserialize<ModelFile>(text, WorkbenchFactory.Json)!;
    }

    private async Task RefusedPieceAsync(ModelJob job, string path, long offset, byte[] bytes, string why)
    {
        using var answer = await TryPutAsync(job, path, offset, bytes);
        Assert.Equal(422, (int)answer.StatusCode);
        Assert.Contains(why, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> TryPutAsync(ModelJob job, string path, long offset, byte[] bytes) => _http.PutAsync(
        new Uri($"{Routes.ModelJobs}/{job.Id}/files?path={Uri.EscapeDataString(path)}&offset={offset}", UriKind.Relative),
        new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } });
}
