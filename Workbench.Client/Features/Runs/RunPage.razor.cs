using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Charts;
using Workbench.Client.Features.Playground;

namespace Workbench.Client.Features.Runs;

/// <summary>One run, live: curves, answers, controls, result.</summary>
public sealed partial class RunPage
{
    /// <summary>A log up to this length is replayed for its marks and answers; of a longer one, its end. Curves are always complete.</summary>
    private const long Replay = 4000;

    private RunFeed _feed = new();
    private RunSummary? _run;
    private RunDetail? _detail;
    private RunCharts? _charts;
    private IAsyncDisposable? _following;
    private TryExample? _example;
    private string? _error;
    private string? _loaded;
    private int _tab;

    [Parameter]
    public required string Id { get; set; }

    private string Title => _run is null ? "" : _run.Name.Length > 0 ? _run.Name : Methods.Of(_run.PeftType);

    /// <summary>Whether the run's answers are texts; others have no samples to read beside the curves.</summary>
    private bool Writes => _run is { IsPretraining: false } && TryModes.BaseAnswers(TryModes.Of(_detail?.Draft.TaskType, null));

    private bool AdapterReady => _run is { PeftType: not ("NONE" or PretrainDraft.PeftType), State: RunState.Completed or RunState.Stopped or RunState.Evaluating };

    public async ValueTask DisposeAsync()
    {
        Live.RunChanged -= OnRunChanged;
        if (_following is not null)
            await _following.DisposeAsync();
    }

    protected override void OnInitialized() => Live.RunChanged += OnRunChanged;

    protected override async Task OnParametersSetAsync()
    {
        if (_loaded == Id)
            return;
        _loaded = Id;
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            if (_following is not null)
                await _following.DisposeAsync();
            _feed = new();
            var detail = await Api.GetAsync(Id);
            (_detail, _run) = (detail, detail.Summary);
            StateHasChanged();
            _following = await Live.FollowAsync(Id, Math.Max(0, detail.LastSeq - Replay), events => InvokeAsync(() => ReceiveAsync(events, detail.LastSeq)));
            await FindExampleAsync();
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _error = error.Message;
        }
    }

    /// <summary>A record of the dataset, so that Try it starts from something that the model can answer.</summary>
    private async Task FindExampleAsync()
    {
        _example = null;
        if (_detail is not { Draft.DatasetId.Length: > 0, Summary.IsPretraining: false } detail)
            return;
        try
        {
            if (await Api.AnyRecordAsync(detail.Draft.DatasetId) is { } record)
                _example = new(record.Data is { } data && data.TryGetProperty("question", out var question) ? question.GetString() ?? "" : record.Instruction, record.Input);
        }
        catch (RunsApiException)
        {
            // The dataset was deleted since: the fields stay empty.
            return;
        }
    }

    private async Task ReceiveAsync(IReadOnlyList<JsonElement> events, long known)
    {
        _feed.Apply(events);
        // What the server had when the page was opened comes with the columns; only what is newer goes to the charts.
        var fresh = events.Where(item => item.GetProperty("seq").GetInt64() > known).ToArray();
        if (_charts is not null && fresh.Length > 0)
        {
            if (LivePoints.Supersedes(fresh))
                await _charts.ReloadAsync();
            await _charts.AppendAsync(fresh);
        }

        StateHasChanged();
    }

    private void OnRunChanged(RunSummary run) => _ = InvokeAsync(async () =>
    {
        if (_run is null || run.Id != _run.Id)
            return;
        var ended = RunActions.IsActive(_run.State) && !RunActions.IsActive(run.State);
        _run = run;
        StateHasChanged();
        if (ended)
        {
            _detail = await Api.GetAsync(Id);
            _run = _detail.Summary;
            StateHasChanged();
        }
    });
}
