using System.Collections.Concurrent;
using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Hubs;

namespace Workbench.Server.Models.Adding;

/// <summary>
/// Models on their way here. Their files gather aside; when all are complete and the engine can read them, one rename makes them a model. A
/// server that starts again goes on with the downloads that it was ended in; uploads wait for the browser to go on.
/// </summary>
internal sealed class ModelJobs(
    ModelPlanner planner, HubConnections hubs, ModelStore models, DataDirectory data, ModelJobPublisher publisher, TimeProvider time, ILogger<ModelJobs> log) : IHostedService, IDisposable
{
    private const int FilesAtOnce = 4;
    private const int DownloadsAtOnce = 2;
    private static readonly TimeSpan s_beat = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, LiveModelJob> _jobs = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _slots = new(DownloadsAtOnce);
    private readonly SemaphoreSlim _naming = new(1, 1);

    public IReadOnlyList<ModelJob> List() => [.. _jobs.Values.OrderBy(job => job.File.CreatedAt).ThenBy(job => job.File.Id, StringComparer.Ordinal).Select(job => job.Shown())];

    public LiveModelJob? Find(string id) => _jobs.GetValueOrDefault(id);

    /// <summary>Starts a download.</summary>
    /// <exception cref="PeftException">The hub refuses, the name is taken, or the disk has no room.</exception>
    public async Task<ModelJob> DownloadAsync(HubOrder order, CancellationToken cancel)
    {
        var (client, model) = planner.Model(order);
        var listing = await client.ListAsync(model, cancel);
        var files = HubFileChoice.Files(listing.Files, order.Weights);
        planner.CheckDisk(files.Sum(file => file.Size));
        var job = await CreateAsync(
            order.Name.Length > 0 ? order.Name : ModelNames.Suggest(model.ShortName, IsTaken),
            new ModelJobFile
            {
                Id = Ulid.NewUlid().ToString(), Kind = ModelJobKind.Download, State = ModelJobState.Waiting, Model = "", Endpoint = client.Endpoint.ToString(), HubId = listing.Id,
                Revision = listing.Revision, Files = files, CreatedAt = time.GetUtcNow(),
            },
            cancel);
        Begin(job);
        return job.Shown();
    }

    /// <summary>Makes room for an upload, or finds the one that the same files were sent for before.</summary>
    /// <exception cref="PeftException">A file is refused, the name is taken, or the disk has no room.</exception>
    public async Task<LiveModelJob> UploadAsync(UploadOrder order, CancellationToken cancel)
    {
        UploadRules.Check(order.Files);
        var files = order.Files.Select(file => new HubFile(file.Path, file.Size)).OrderBy(file => file.Path, StringComparer.Ordinal).ToArray();
        var known = _jobs.Values.FirstOrDefault(job => job.File.Kind == ModelJobKind.Upload && job.File.State != ModelJobState.Done && job.File.Model == order.Name.Trim() && job.File.Files.SequenceEqual(files));
        if (known is not null)
        {
            await TurnAsync(known, ModelJobState.Running);
            return known;
        }

        planner.CheckDisk(files.Sum(file => file.Size));
        return await CreateAsync(
            order.Name,
            new ModelJobFile { Id = Ulid.NewUlid().ToString(), Kind = ModelJobKind.Upload, State = ModelJobState.Running, Model = "", Files = files, CreatedAt = time.GetUtcNow() },
            cancel);
    }

    /// <summary>Stops a download or an upload; what is here stays.</summary>
    public async Task PauseAsync(LiveModelJob job)
    {
        await StopAsync(job);
        if (job.File.State is ModelJobState.Running or ModelJobState.Waiting or ModelJobState.Checking)
            await TurnAsync(job, ModelJobState.Paused);
    }

    /// <summary>Goes on with a download, or checks again what was refused.</summary>
    public async Task ResumeAsync(LiveModelJob job)
    {
        if (job.File.State is not (ModelJobState.Paused or ModelJobState.Failed))
            return;
        if (job.File.Kind == ModelJobKind.Upload && job.File.Files.Any(file => job.Received(file) < file.Size))
            throw new PeftException("The rest of the files lies with the browser. Choose the same folder again; what is here already is not sent twice.");
        await job.Gate.WaitAsync();
        try
        {
            job.Turn(ModelJobState.Waiting);
        }
        finally
        {
            job.Gate.Release();
        }

        if (job.File.Kind == ModelJobKind.Upload)
            await FinishAsync(job, keep: false, CancellationToken.None);
        else
            Begin(job);
    }

    /// <summary>Takes the job and its files away.</summary>
    public async Task RemoveAsync(LiveModelJob job)
    {
        await StopAsync(job);
        await job.Gate.WaitAsync();
        try
        {
            if (Directory.Exists(job.Folder))
                Directory.Delete(job.Folder, recursive: true);
            _jobs.TryRemove(job.File.Id, out _);
        }
        finally
        {
            job.Gate.Release();
        }

        await publisher.RemovedAsync(job.File.Id);
    }

    /// <summary>Everything is here: checks it and makes it a model.</summary>
    /// <param name="job">The job.</param>
    /// <param name="keep">Also when the engine cannot read it.</param>
    /// <param name="cancel">Before the last step.</param>
    public async Task FinishAsync(LiveModelJob job, bool keep, CancellationToken cancel)
    {
        await job.Gate.WaitAsync(cancel);
        try
        {
            if (job.File.State == ModelJobState.Done)
                return;
            job.Turn(ModelJobState.Checking);
            await publisher.ChangedAsync(job.Shown());
            var problem = await Task.Run(() => ModelPublication.Problem(job), cancel);
            if (problem is not null && !(keep && ModelPublication.IsComplete(job)))
            {
                job.Turn(ModelJobState.Failed, problem, canKeep: ModelPublication.IsComplete(job));
                return;
            }

            ModelPublication.Publish(job, data);
            await models.SyncAsync(CancellationToken.None);
            job.Turn(ModelJobState.Done);
            log.LogInformation("Model {Model} is here ({Bytes} bytes)", job.File.Model, job.File.TotalBytes);
        }
        catch (PeftException refused)
        {
            job.Turn(ModelJobState.Failed, refused.Message);
        }
        finally
        {
            job.Gate.Release();
            await publisher.ChangedAsync(job.Shown());
        }
    }

    public Task AnnounceAsync(LiveModelJob job) => publisher.ChangedAsync(job.Shown());

    public Task StartAsync(CancellationToken cancellationToken)
    {
        ModelRemoval.CleanUp(data);
        foreach (var folder in Directory.Exists(data.IncomingModels) ? Directory.GetDirectories(data.IncomingModels) : [])
        {
            if (ModelJobFile.Read(folder) is not { } file)
                continue;
            var job = new LiveModelJob(file, folder, time);
            _jobs[file.Id] = job;
            if (file.State is not (ModelJobState.Waiting or ModelJobState.Running or ModelJobState.Checking))
                continue;
            if (file.Kind == ModelJobKind.Download)
                Begin(job);
            else
                job.Turn(ModelJobState.Paused);
        }

        return Task.CompletedTask;
    }

    /// <summary>The state on the disk stays as it is: a server that starts again goes on.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(_jobs.Values.Select(StopAsync));

    public void Dispose()
    {
        foreach (var job in _jobs.Values)
            job.Dispose();
        _slots.Dispose();
        _naming.Dispose();
    }

    private async Task<LiveModelJob> CreateAsync(string name, ModelJobFile file, CancellationToken cancel)
    {
        var checkedName = ModelNames.Check(name);
        await _naming.WaitAsync(cancel);
        try
        {
            if (IsTaken(checkedName))
                throw new PeftException($"There is a model '{checkedName}' already, or one is on its way. Choose another name.");
            var job = new LiveModelJob(file with { Model = checkedName }, Path.Combine(data.IncomingModels, file.Id), time);
            Directory.CreateDirectory(job.Files);
            job.File.Write(job.Folder);
            _jobs[file.Id] = job;
            await publisher.ChangedAsync(job.Shown());
            return job;
        }
        finally
        {
            _naming.Release();
        }
    }

    public bool IsTaken(string name) => models.IsTaken(name)
        || _jobs.Values.Any(job => job.File.State != ModelJobState.Done && string.Equals(job.File.Model, name, StringComparison.OrdinalIgnoreCase));

    private void Begin(LiveModelJob job)
    {
        job.Stop?.Dispose();
        job.Stop = new CancellationTokenSource();
        job.Work = Task.Run(() => RunAsync(job, job.Stop.Token));
    }

    private static async Task StopAsync(LiveModelJob job)
    {
        if (job.Stop is { } stop)
            await stop.CancelAsync();
        await job.Work;
    }

    private async Task TurnAsync(LiveModelJob job, ModelJobState state, string? message = null, bool needsToken = false)
    {
        await job.Gate.WaitAsync();
        try
        {
            job.Turn(state, message, needsToken);
        }
        finally
        {
            job.Gate.Release();
        }

        await publisher.ChangedAsync(job.Shown());
    }

    private async Task RunAsync(LiveModelJob job, CancellationToken stop)
    {
        try
        {
            await _slots.WaitAsync(stop);
            try
            {
                await FetchAsync(job, stop);
            }
            finally
            {
                _slots.Release();
            }

            await FinishAsync(job, keep: false, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            log.LogInformation("The download of {Model} rests", job.File.Model);
        }
        catch (PeftException refused)
        {
            await TurnAsync(job, ModelJobState.Failed, refused.Message, refused is HubException { Failure: HubFailure.AccessDenied });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            await TurnAsync(job, ModelJobState.Failed, $"{job.Folder} could not be written: {error.Message}");
        }
        finally
        {
            job.Download = null;
        }
    }

    private async Task FetchAsync(LiveModelJob job, CancellationToken stop)
    {
        var file = job.File;
        var download = new HubDownload(hubs.Of(file.Endpoint), new HubListing(file.HubId, file.Revision, false, file.Files), file.Files, job.Files);
        planner.CheckDisk(download.TotalBytes - download.DoneBytes);
        job.Download = download;
        await TurnAsync(job, ModelJobState.Running);
        var work = download.RunAsync(FilesAtOnce, stop);
        using var beat = new PeriodicTimer(s_beat, time);
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, beat.WaitForNextTickAsync(CancellationToken.None).AsTask());
            await publisher.ChangedAsync(job.Shown());
        }

        await work;
    }
}
