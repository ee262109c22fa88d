using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Models;

/// <summary>Models on their way here, live, for the list and the header alike.</summary>
public sealed class ModelJobs : IDisposable
{
    private readonly ModelsApi _api;
    private readonly RunsLive _live;
    private readonly Dictionary<string, ModelJob> _jobs = [];

    public ModelJobs(ModelsApi api, RunsLive live)
    {
        (_api, _live) = (api, live);
        _live.ModelJobChanged += OnChanged;
        _live.ModelJobRemoved += OnRemoved;
        _live.ConnectionChanged += OnConnection;
    }

    public event Action? Changed;

    /// <summary>A model has just become ready to use.</summary>
    public event Action? Arrived;

    public IReadOnlyList<ModelJob> All => [.. _jobs.Values.OrderByDescending(job => job.CreatedAt)];

    public IReadOnlyList<ModelJob> Active => [.. All.Where(IsActive)];

    public static bool IsActive(ModelJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return job.State is ModelJobState.Waiting or ModelJobState.Running or ModelJobState.Checking;
    }

    /// <summary>Share of the bytes that are here, 0 to 100.</summary>
    public static double Percent(ModelJob? job) => job is { TotalBytes: > 0 } ? 100.0 * job.DoneBytes / job.TotalBytes : 0;

    public async Task LoadAsync()
    {
        var jobs = await _api.JobsAsync();
        _jobs.Clear();
        foreach (var job in jobs)
            _jobs[job.Id] = job;
        Changed?.Invoke();
    }

    public void Put(ModelJob job) => OnChanged(job);

    public void Dispose()
    {
        _live.ModelJobChanged -= OnChanged;
        _live.ModelJobRemoved -= OnRemoved;
        _live.ConnectionChanged -= OnConnection;
    }

    private void OnChanged(ModelJob job)
    {
        var isNew = job.State == ModelJobState.Done && _jobs.GetValueOrDefault(job.Id)?.State != ModelJobState.Done;
        _jobs[job.Id] = job;
        Changed?.Invoke();
        if (isNew)
            Arrived?.Invoke();
    }

    private void OnRemoved(string id)
    {
        if (_jobs.Remove(id))
            Changed?.Invoke();
    }

    private void OnConnection()
    {
        if (_live.IsConnected)
            _ = ReloadAsync();
    }

    private async Task ReloadAsync()
    {
        try
        {
            await LoadAsync();
        }
        catch (ApiException)
        {
            // The header says that the server is away; the next connection asks again.
            Changed?.Invoke();
        }
    }
}
