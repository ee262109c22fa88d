using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Models;

/// <summary>Downloads from a hub of the tests' own, with everything that can go wrong on the way.</summary>
public sealed class DownloadTests : IAsyncLifetime, IDisposable
{
    private const string Weights = "model.safetensors";

    private readonly WorkbenchFactory _server = new();
    private readonly FakeHub _hub = FakeHub.Of(Path.Combine(Repository.Root, "samples", "models", "mini-llama-zh"));
    private HttpClient _http = null!;

    public Task InitializeAsync()
    {
        _http = _server.CreateClient();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _hub.Dispose();

    [Fact]
    public async Task Plan_SaysFilesAndNeeds_BeforeWeightsAreFetched()
    {
        _hub.Files["model-q4.gguf"] = new byte[1000];

        var plan = await PlanAsync();

        Assert.Null(plan.Problem);
        Assert.Equal((7_889_152L, "llama", "safetensors", "Base-1"), (plan.Needs!.Parameters, plan.ModelType, plan.Weights, plan.Name));
        Assert.Equal(["safetensors", "model-q4.gguf"], plan.Choices.Select(choice => choice.Name));
        Assert.Contains(plan.Needs.Methods, need => need is { PeftType: "LORA", Trainable: > 0, Bytes: > 0, Problem: null });
        Assert.True(plan.Needs.Memory.Full > plan.Needs.Memory.Qlora && plan.FreeBytes > 0);
        Assert.Equal(plan.Bytes, plan.Files.Sum(file => file.Size));
        Assert.DoesNotContain(plan.Files, file => file.Path.EndsWith(".py", StringComparison.Ordinal) || file.Path.Contains("onnx", StringComparison.Ordinal));
        Assert.DoesNotContain(_hub.Requests, request => request.Path.Contains(Weights, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Plan_OfAnUnknownArchitecture_SaysSoPlainly()
    {
        _hub.Files["config.json"] = """{"model_type": "mamba", "hidden_size": 8}"""u8.ToArray();

        var plan = await PlanAsync();

        Assert.Contains("architecture 'mamba' is not supported", plan.Problem, StringComparison.Ordinal);
        Assert.Null(plan.Needs);
    }

    [Fact]
    public async Task Download_BecomesAModelWithItsOrigin()
    {
        await EndAsync(await StartAsync(), ModelJobState.Done);

        var card = await _http.AskAsync<ModelCard>(Routes.Models + "/Base-1");
        Assert.Null(card.Problem);
        Assert.Equal((7_889_152L, ModelPlace.Data), (card.Summary.Parameters, card.Summary.Place));
        Assert.Contains(FakeHub.Id, card.Origin, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_server.Data, "models", ".incoming")));
        Assert.False(File.Exists(Path.Combine(_server.Data, "models", "Base-1", "modeling_odd.py")));
    }

    [Fact]
    public async Task Download_FromModelScope_BecomesAModel()
    {
        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/hub", Order() with { Endpoint = _hub.ModelScopeAddress });
        Assert.Equal(("master", 7_889_152L), (plan.Revision, plan.Needs!.Parameters));

        await EndAsync(await _http.SendAsync<ModelJob>(HttpMethod.Post, Routes.ModelJobs + "/hub", Order() with { Endpoint = _hub.ModelScopeAddress }), ModelJobState.Done);

        Assert.Contains(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model is { Id: "Base-1", Problem: null });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Download_WhoseConnectionBreaks_GoesOn(bool ranges)
    {
        _hub.Ranges = ranges;
        _hub.Break(Weights, 2);

        await EndAsync(await StartAsync(), ModelJobState.Done);

        Assert.Equal(_hub.Files[Weights], await File.ReadAllBytesAsync(Path.Combine(_server.Data, "models", "Base-1", Weights)));
        Assert.Equal(2, _hub.Requests.Count(request => request.Path.EndsWith(Weights, StringComparison.Ordinal) && request.Range is not null));
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("tokenizer.json")]
    public async Task Download_WithAWrongChecksum_FailsInvisiblyAndCanBeTriedAgain(string file)
    {
        _hub.Sums[file] = file == Weights ? new string('a', 64) : new string('a', 40);
        var failed = await EndAsync(await StartAsync(), ModelJobState.Failed);

        Assert.Contains(file, failed.Message, StringComparison.Ordinal);
        Assert.Contains("checksum", failed.Message, StringComparison.Ordinal);
        Assert.False(failed.CanKeep);
        Assert.DoesNotContain(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "Base-1");

        // What was published stays wrong for this job; a new one reads the corrected listing.
        await _http.TryAsync(HttpMethod.Delete, $"{Routes.ModelJobs}/{failed.Id}");
        _hub.Sums.Clear();
        await EndAsync(await StartAsync(), ModelJobState.Done);
    }

    [Fact]
    public async Task Download_OfAGatedModel_NeedsATokenThatNeitherStoreNorLogSees()
    {
        const string secret = "hf_verySecretToken123";
        using var store = new FakeHub();
        (_hub.Token, _hub.Gated, _hub.Store) = (secret, true, store);
        Assert.Contains("is gated", await RefusedAsync(), StringComparison.Ordinal);

        await TokenAsync("wrong", remember: false);
        Assert.Contains("has not been let in", await RefusedAsync(), StringComparison.Ordinal);

        await TokenAsync(secret, remember: true);
        await EndAsync(await StartAsync(), ModelJobState.Done);

        Assert.NotEmpty(store.Requests);
        Assert.All(store.Requests, request => Assert.Null(request.Authorization));
        var kept = Path.Combine(_server.Data, "hub-tokens.json");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(kept));
        var settings = await _http.GetStringAsync(new Uri(Routes.Hub, UriKind.Relative));
        Assert.Contains(_hub.Address, settings, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, settings, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_server.Data, "*", SearchOption.AllDirectories).Where(file => file != kept && Path.GetExtension(file) is ".jsonl" or ".json"))
        {
            await using var shared = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            Assert.True(file == kept || !(await new StreamReader(shared).ReadToEndAsync()).Contains(secret, StringComparison.Ordinal), file);
        }

        await _http.TryAsync(HttpMethod.Delete, $"{Routes.Hub}/token?endpoint={Uri.EscapeDataString(_hub.Address)}");
        Assert.False(File.Exists(kept));
    }

    [Theory]
    [InlineData("nobody/nothing", "no such model")]
    [InlineData("../../etc", "is no model id")]
    [InlineData("a/b/c", "is no model id")]
    public async Task Plan_OfNoModel_SaysWhy(string id, string why) =>
        Assert.Contains(why, await _http.RefusalAsync(HttpMethod.Post, Routes.ModelPlans + "/hub", Order() with { Id = id }, 422), StringComparison.Ordinal);

    [Fact]
    public async Task Plan_OfAHubThatIsAway_SaysSo()
    {
        _hub.Dispose();
        Assert.Contains("cannot be reached", await RefusedAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_OfAPageAddress_FindsItsHub()
    {
        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/hub", new HubOrder { Id = $"{_hub.Address}/{FakeHub.Id}/tree/main" });
        Assert.Equal((_hub.Address, FakeHub.Id), (plan.Endpoint, plan.Source));
    }

    [Fact]
    public async Task Download_WithHostileNames_LeavesThemOut()
    {
        _hub.HostileNames.AddRange(["../evil.safetensors", "/etc/passwd.json", "a\\..\\b.json", "..", "model\u0000.json", ".git/config"]);

        await EndAsync(await StartAsync(), ModelJobState.Done);

        Assert.DoesNotContain(Directory.EnumerateFiles(_server.Data, "*", SearchOption.AllDirectories), file => file.Contains("evil", StringComparison.Ordinal) || file.Contains("passwd", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Download_PausedAndResumed_GoesOnWhereItWas()
    {
        _hub.Hold = new TaskCompletionSource();
        var job = await StartAsync();
        await HalfAsync(job);

        var paused = await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{job.Id}/pause");
        Assert.Equal(ModelJobState.Paused, paused.State);
        Assert.InRange(paused.DoneBytes, 1, paused.TotalBytes - 1);
        _hub.Hold.SetResult();
        _hub.Hold = null;

        await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{job.Id}/resume");
        await EndAsync(job, ModelJobState.Done);

        Assert.Contains(_hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal) && request.Range is not null);
    }

    [Fact]
    public async Task Download_OfAServerThatStartsAgain_GoesOnByItself()
    {
        _hub.Hold = new TaskCompletionSource();
        var job = await StartAsync();
        await HalfAsync(job);
        // A second server on the directory is a restart; the first one is ended in the middle.
        await using var again = WorkbenchFactory.On(_server.Data);
        await _server.Services.GetRequiredService<Server.Models.Adding.ModelJobs>().StopAsync(CancellationToken.None);
        _hub.Hold.SetResult();
        _hub.Hold = null;

        var http = again.CreateClient();
        await EndAsync(job, ModelJobState.Done, http);

        Assert.Contains(await http.AskAsync<ModelSummary[]>(Routes.Models), model => model is { Id: "Base-1", Problem: null });
        Assert.Contains(_hub.Requests, request => request.Path.EndsWith(Weights, StringComparison.Ordinal) && request.Range is not null);
    }

    [Fact]
    public async Task Download_Removed_LeavesNothing()
    {
        _hub.Hold = new TaskCompletionSource();
        var job = await StartAsync();
        await HalfAsync(job);

        await _http.TryAsync(HttpMethod.Delete, $"{Routes.ModelJobs}/{job.Id}");

        Assert.Empty(await _http.AskAsync<ModelJob[]>(Routes.ModelJobs));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_server.Data, "models", ".incoming")));
    }

    [Fact]
    public async Task Download_ThatTheEngineCannotLoad_CanBeKept()
    {
        var config = JsonNode.Parse(_hub.Files["config.json"])!;
        config["hidden_size"] = 128;
        _hub.Files["config.json"] = System.Text.Encoding.UTF8.GetBytes(config.ToJsonString());

        var failed = await EndAsync(await StartAsync(), ModelJobState.Failed);
        Assert.Contains("model.embed_tokens.weight", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".incoming", failed.Message, StringComparison.Ordinal);
        Assert.True(failed.CanKeep);

        await _http.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{failed.Id}/keep");
        var kept = Assert.Single(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "Base-1");
        Assert.Contains("model.embed_tokens.weight", kept.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_OfAGgufFileInAFolder_IsKnownBeforeAndUsableAfter()
    {
        const string file = "Q8_0/tiny-q8_0.gguf";
        using var hub = new FakeHub();
        hub.Files[file] = await File.ReadAllBytesAsync(Path.Combine(Repository.Root, "tests", "Peft.Core.Tests", "Goldens", "data", "gguf", "llama_q8_0", "model.gguf"));
        var order = new HubOrder { Endpoint = hub.Address, Id = FakeHub.Id, Weights = file };

        var plan = await _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/hub", order);
        Assert.Equal((null, "llama", "tiny-q8_0"), (plan.Problem, plan.ModelType, plan.Name));
        Assert.True(plan.Needs!.Parameters > 0);
        await EndAsync(await _http.SendAsync<ModelJob>(HttpMethod.Post, Routes.ModelJobs + "/hub", order with { Name = plan.Name }), ModelJobState.Done);

        var model = Assert.Single(await _http.AskAsync<ModelSummary[]>(Routes.Models), model => model.Id == "tiny-q8_0");
        Assert.Equal((null, plan.Needs.Parameters), (model.Problem, model.Parameters));
        var card = await _http.AskAsync<ModelCard>(Routes.Models + "/tiny-q8_0");
        Assert.EndsWith(file, card.Path, StringComparison.Ordinal);
        Assert.Contains(FakeHub.Id, card.Origin, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_UnderATakenName_IsRefused() => Assert.Contains(
        "already", await _http.RefusalAsync(HttpMethod.Post, Routes.ModelJobs + "/hub", Order() with { Name = "mini-llama-zh" }, 422), StringComparison.Ordinal);

    private HubOrder Order() => new() { Endpoint = _hub.Address, Id = FakeHub.Id };

    private Task<ModelPlan> PlanAsync() => _http.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/hub", Order());

    private Task<string> RefusedAsync() => _http.RefusalAsync(HttpMethod.Post, Routes.ModelPlans + "/hub", Order(), 422);

    private Task<ModelJob> StartAsync() => _http.SendAsync<ModelJob>(HttpMethod.Post, Routes.ModelJobs + "/hub", Order());

    private async Task TokenAsync(string token, bool remember)
    {
        using var answer = await _http.TryAsync(HttpMethod.Put, Routes.Hub + "/token", new HubToken(_hub.Address, token, remember));
        Assert.True(answer.IsSuccessStatusCode);
    }

    private Task<ModelJob> HalfAsync(ModelJob job) => WaitAsync(job, known => known.State == ModelJobState.Running && known.DoneBytes > known.TotalBytes / 3, _http);

    private Task<ModelJob> EndAsync(ModelJob job, ModelJobState state, HttpClient? http = null) =>
        WaitAsync(job, known => known.State == state || (known.State is ModelJobState.Failed or ModelJobState.Done ? throw new InvalidOperationException($"{known.State}: {known.Message}") : false), http ?? _http);

    private static async Task<ModelJob> WaitAsync(ModelJob job, Func<ModelJob, bool> reached, HttpClient http)
    {
        ModelJob? known = null;
        for (var i = 0; i < 600; i++)
        {
            known = (await http.AskAsync<ModelJob[]>(Routes.ModelJobs)).SingleOrDefault(other => other.Id == job.Id);
            if (known is not null && reached(known))
                return known;
            await Task.Delay(50);
        }

        throw new TimeoutException($"The job is {known?.State} at {known?.DoneBytes} of {known?.TotalBytes}: {known?.Message}");
    }
}
