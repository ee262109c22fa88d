using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Adapters;

/// <summary>What is made of adapters, live, for the list and the page of one alike.</summary>
public sealed class AdapterJobs : IDisposable
{
    private readonly AdaptersApi _api;
    private readonly RunsLive _live;
    private readonly Dictionary<string, AdapterJob> _jobs = [];

    public AdapterJobs(AdaptersApi api, RunsLive live)
    {
        (_api, _live) = (api, live);
        _live.AdapterJobChanged += OnChanged;
        _live.AdapterJobRemoved += OnRemoved;
    }

    public event Action? Changed;

    /// <summary>A job has just ended well: there is a new adapter or model.</summary>
    public event Action? Arrived;

    /// <summary>All of them, newest first.</summary>
    public IReadOnlyList<AdapterJob> All => [.. _jobs.Values.OrderByDescending(job => job.CreatedAt)];

    public static bool IsActive(AdapterJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return job.State is AdapterJobState.Waiting or AdapterJobState.Running;
    }

    /// <summary>Asks for all jobs and watches them from then on.</summary>
    public async Task LoadAsync()
    {
        _live.Start();
        var jobs = await _api.JobsAsync();
        _jobs.Clear();
        foreach (var job in jobs)
            _jobs[job.Id] = job;
        Changed?.Invoke();
    }

    /// <summary>An answer to an order; what the live wire said since is newer.</summary>
    public void Put(AdapterJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (_jobs.TryAdd(job.Id, job))
            Changed?.Invoke();
    }

    public void Dispose()
    {
        _live.AdapterJobChanged -= OnChanged;
        _live.AdapterJobRemoved -= OnRemoved;
    }

    private void OnChanged(AdapterJob job)
    {
        var isNew = job.State == AdapterJobState.Done && _jobs.GetValueOrDefault(job.Id)?.State != AdapterJobState.Done;
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
}
