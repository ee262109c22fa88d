using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Hubs;
using Workbench.Server.Jobs;
using Workbench.Server.Models;

namespace Workbench.Server.Adapters;

/// <summary>
/// What is made of adapters and takes a while, one at a time, each by a worker process. Everything gathers aside and appears by one rename, so
/// a job that was cancelled or failed leaves nothing. Jobs live as long as the server.
/// </summary>
internal sealed class AdapterJobs(
    AdapterStore adapters, ModelStore models, WorkerLocator worker, DataDirectory data, AdapterJobPublisher publisher, TimeProvider time, ILogger<AdapterJobs> log) : IHostedService, IDisposable
{
    private readonly ConcurrentDictionary<string, Live> _jobs = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _slot = new(1, 1);

    public IReadOnlyList<AdapterJob> List() => [.. _jobs.Values.Select(live => live.Job).OrderByDescending(job => job.CreatedAt)];

    public AdapterJob? Find(string id) => _jobs.GetValueOrDefault(id)?.Job;

    /// <summary>Orders a job.</summary>
    /// <exception cref="PeftException">The order cannot be carried out; says why.</exception>
    public async Task<AdapterJob> StartAsync(AdapterOrder order, CancellationToken cancel)
    {
        var found = new List<(AdapterSummary Summary, string Folder)>();
        foreach (var id in order.Adapters)
            found.Add(await adapters.FindAsync(id, cancel) ?? throw new PeftException($"There is no adapter '{id}'. It may have been removed."));
        if (found.Count == 0 || (order.Kind != AdapterJobKind.Combine && found.Count > 1))
            throw new PeftException(order.Kind == AdapterJobKind.Combine ? "Choose the adapters to combine." : "Choose one adapter.");
        var modelId = order.ModelId ?? found[0].Summary.ModelId;
        var baseFolder = modelId is null ? null : await models.FolderAsync(modelId, cancel);
        if (baseFolder is null && order.Kind != AdapterJobKind.Combine)
            throw new PeftException("The base of this adapter is not here. Choose the base model that it belongs to.");
        var name = order.Kind == AdapterJobKind.Merge ? ModelNames.Check(order.Name)
            : order.Name.Trim() is { Length: > 0 } given ? given
            : string.Join(" + ", found.Select(adapter => adapter.Summary.Name));
        if (order.Kind == AdapterJobKind.Merge && models.IsTaken(name))
            throw new PeftException($"There is a model '{name}' already, or one is on its way. Choose another name.");
        var job = new AdapterJob
        {
            Id = Ulid.NewUlid().ToString(),
            Kind = order.Kind,
            State = AdapterJobState.Waiting,
            Name = name,
            Adapters = [.. found.Select(adapter => adapter.Summary.Name)],
            CreatedAt = time.GetUtcNow(),
        };
        var live = new Live(job, order, found, modelId, baseFolder, Path.Combine(data.AdapterWork, job.Id));
        _jobs[job.Id] = live;
        live.Work = Task.Run(() => WorkAsync(live), CancellationToken.None);
        await publisher.ChangedAsync(job);
        return job;
    }

    /// <summary>Ends a job that is not over. False when there is none.</summary>
    public async Task<bool> CancelAsync(string id)
    {
        if (!_jobs.TryGetValue(id, out var live))
            return false;
        await live.Stop.CancelAsync();
        await live.Work;
        return true;
    }

    /// <summary>Takes a job from the list, with the file that is there to download. False when there is none.</summary>
    public async Task<bool> RemoveAsync(string id)
    {
        if (!await CancelAsync(id) || !_jobs.TryRemove(id, out var live))
            return false;
        DeleteFolder(live.Folder);
        live.Dispose();
        await publisher.RemovedAsync(id);
        return true;
    }

    /// <summary>What there is to download: a GGUF file, or the folder of a merged model.</summary>
    public async Task<string?> ResultAsync(string id, CancellationToken cancel) => _jobs.GetValueOrDefault(id) switch
    {
        { Job: { Kind: AdapterJobKind.Gguf, State: AdapterJobState.Done } } live => live.Output,
        { Job: { Kind: AdapterJobKind.Merge, ResultId: { } model } } => await models.FolderAsync(model, cancel),
        _ => null,
    };

    public Task StartAsync(CancellationToken cancellationToken)
    {
        DeleteFolder(data.AdapterWork);
        Directory.CreateDirectory(data.AdapterWork);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var id in _jobs.Keys)
            await CancelAsync(id);
    }

    public void Dispose()
    {
        foreach (var live in _jobs.Values)
            live.Dispose();
        _slot.Dispose();
    }

    private async Task WorkAsync(Live live)
    {
        var held = false;
        try
        {
            await _slot.WaitAsync(live.Stop.Token);
            held = true;
            Directory.CreateDirectory(live.Folder);
            await TurnAsync(live, live.Job with { State = AdapterJobState.Running });
            await WorkerRun.RunAsync(worker, Arguments(live), line => OnLine(live, line), live.Stop.Token);
            live.Stop.Token.ThrowIfCancellationRequested();
            await FinishAsync(live);
        }
        catch (OperationCanceledException) when (live.Stop.IsCancellationRequested)
        {
            DeleteFolder(live.Folder);
            await TurnAsync(live, live.Job with { State = AdapterJobState.Cancelled });
        }
        catch (Exception failure) when (failure is PeftException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            DeleteFolder(live.Folder);
            log.LogWarning(failure, "Job {Kind} of adapter {Name} failed", live.Job.Kind, live.Job.Name);
            await TurnAsync(live, live.Job with { State = AdapterJobState.Failed, Message = live.Found.Aggregate(failure.Message, (said, one) => said.Replace(one.Folder, one.Summary.Name, StringComparison.Ordinal)) });
        }
        finally
        {
            if (held)
                _slot.Release();
        }
    }

    private static List<string> Arguments(Live live)
    {
        static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
        var (order, adapter) = (live.Order, live.Found[0].Folder);
        List<string> arguments = order.Kind switch
        {
            AdapterJobKind.Check => ["merge", "--base", live.Base!, "--adapter", adapter],
            AdapterJobKind.Merge =>
                ["merge", "--base", live.Base!, "--adapter", adapter, "--output", live.Output, "--name", live.Job.Name, "--base_name", live.ModelId!, "--max_shard_size", Number(order.ShardGiB)],
            AdapterJobKind.Convert => ["convert", "--base", live.Base!, "--adapter", adapter, "--output", live.Output],
            AdapterJobKind.Gguf => ["gguf", "--base", live.Base!, "--adapter", adapter, "--output", live.Output],
            _ =>
            [
                "combine", "--adapters", .. live.Found.Select(one => one.Folder), "--weights", .. order.Weights.Select(Number), "--method", order.CombinationType,
                "--density", Number(order.Density), "--output", live.Output,
            ],
        };
        if (order is { Kind: AdapterJobKind.Combine, SvdRank: { } rank })
            arguments.AddRange(["--rank", rank.ToString(CultureInfo.InvariantCulture)]);
        arguments.Add("--json");
        return arguments;
    }

    private void OnLine(Live live, JsonElement line)
    {
        var kind = line.GetProperty("kind").GetString();
        if (kind is "stage" or "progress")
        {
            var moved = live.Job with
            {
                Stage = line.GetProperty("stage").GetString()!,
                Done = line.TryGetProperty("done", out var done) ? done.GetInt32() : 0,
                Total = line.TryGetProperty("total", out var total) ? total.GetInt32() : 0,
            };
            _ = TurnAsync(live, moved);
        }
        else if (kind == "done" && live.Order.Kind is AdapterJobKind.Check or AdapterJobKind.Merge)
        {
            var report = line.GetProperty("result");
            live.Job = live.Job with { Report = new MergeReportDto(Number(report, "largest_difference"), Number(report, "largest_output"), report.GetProperty("restored").GetBoolean()) };
        }
    }

    private static double? Number(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>What the worker wrote becomes visible.</summary>
    private async Task FinishAsync(Live live)
    {
        string? result = null;
        var origin = string.Join(", ", live.Found.Select((one, i) => live.Order.Weights.Count > i ? FormattableString.Invariant($"{one.Summary.Name} × {live.Order.Weights[i]:G4}") : one.Summary.Name));
        switch (live.Order.Kind)
        {
            case AdapterJobKind.Merge:
                if (models.IsTaken(live.Job.Name))
                    throw new PeftException($"There is a model '{live.Job.Name}' already, or one is on its way. Choose another name.");
                Directory.Move(live.Output, SafePath.Under(data.Models, live.Job.Name));
                await models.SyncAsync(CancellationToken.None);
                result = live.Job.Name;
                break;
            case AdapterJobKind.Combine:
                result = adapters.Add(live.Output, live.Job.Name, AdapterSource.Made, live.ModelId, $"{live.Order.CombinationType}: {origin}");
                break;
            case AdapterJobKind.Convert:
                result = adapters.Add(live.Output, live.Job.Name, AdapterSource.Made, live.ModelId, $"LoRA: {origin}");
                break;
        }

        // Only a file to download waits there; everything else has moved to its place.
        if (live.Order.Kind != AdapterJobKind.Gguf)
            DeleteFolder(live.Folder);
        await TurnAsync(live, live.Job with { State = AdapterJobState.Done, ResultId = result, HasFile = live.Order.Kind is AdapterJobKind.Merge or AdapterJobKind.Gguf });
    }

    private async Task TurnAsync(Live live, AdapterJob job)
    {
        live.Job = job;
        await publisher.ChangedAsync(job);
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private sealed class Live(AdapterJob job, AdapterOrder order, List<(AdapterSummary Summary, string Folder)> found, string? modelId, string? baseFolder, string folder) : IDisposable
    {
        public AdapterJob Job { get; set; } = job;

        public AdapterOrder Order => order;

        public List<(AdapterSummary Summary, string Folder)> Found => found;

        public string? ModelId => modelId;

        public string? Base => baseFolder;

        public string Folder => folder;

        /// <summary>Where the worker writes.</summary>
        public string Output => Path.Combine(folder, order.Kind == AdapterJobKind.Gguf ? "adapter.gguf" : "out");

        public CancellationTokenSource Stop { get; } = new();

        public Task Work { get; set; } = Task.CompletedTask;

        public void Dispose() => Stop.Dispose();
    }
}
