using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.JSInterop;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Charts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Compare;

/// <summary>Runs side by side: curves, settings, results, quality against cost. Everything chosen stands in the address.</summary>
public sealed partial class ComparePage
{
    private readonly Dictionary<string, RunDetail> _details = [];
    private readonly Dictionary<string, IAsyncDisposable> _following = [];
    private CompareState _state = new();
    private List<RunSummary>? _all;
    private IReadOnlyList<ComparisonDto> _comparisons = [];
    private IReadOnlyList<MethodDto> _methods = [];
    private IReadOnlyList<SettingRow> _settings = [];
    private IReadOnlyList<ChartLine> _lines = [];
    private SeriesChart? _chart;
    private string? _error;
    private bool _starting;
    private bool _gone;

    [SupplyParameterFromQuery(Name = "start")]
    public string? Start { get; set; }

    /// <summary>The chosen runs in the order of the address; those that no longer exist are left out.</summary>
    private IReadOnlyList<RunSummary> Chosen => [.. _state.Runs.Select(id => _all?.Find(run => run.Id == id)).OfType<RunSummary>()];

    public async ValueTask DisposeAsync()
    {
        _gone = true;
        Navigation.LocationChanged -= OnLocationChanged;
        Live.RunChanged -= OnRunChanged;
        Live.ConnectionChanged -= OnConnectionChanged;
        foreach (var following in _following.Values)
            await following.DisposeAsync();
    }

    protected override async Task OnInitializedAsync()
    {
        Navigation.LocationChanged += OnLocationChanged;
        Live.RunChanged += OnRunChanged;
        Live.ConnectionChanged += OnConnectionChanged;
        _starting = Start == "1";
        _state = CompareState.Parse(new Uri(Navigation.Uri).Query);
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            var comparisons = Api.ComparisonsAsync();
            _all = [.. (await Api.ListAsync()).OrderByDescending(run => run.CreatedAt)];
            _comparisons = await comparisons;
            if (_state.Runs.Count == 0 && _comparisons.MaxBy(comparison => comparison.CreatedAt) is { } latest)
                _state = _state with { Runs = [.. latest.RunIds.Where(id => _all.Any(run => run.Id == id))] };
            Draw();
            StateHasChanged();
            await ReadDetailsAsync();
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _error = error.Message;
        }
    }

    /// <summary>The color of a run here: its own, unless another chosen run already has that one.</summary>
    private int ColorOf(RunSummary run)
    {
        if (run.PeftType == "FULL" && run.ComparisonId is not null)
            return -1;
        var taken = new HashSet<int>();
        foreach (var other in Chosen)
        {
            var color = other.Color % RunPalette.Size;
            while (taken.Contains(color) && taken.Count < RunPalette.Size)
                color = (color + 1) % RunPalette.Size;
            taken.Add(color);
            if (other.Id == run.Id)
                return color;
        }

        return run.Color;
    }

    private void Go(CompareState state)
    {
        _state = state;
        Draw();
        Navigation.NavigateTo("compare" + state.ToQuery(), replace: true);
        _ = InvokeAsync(ReadDetailsAsync);
    }

    private void Draw()
    {
        var lines = new List<ChartLine>();
        foreach (var (run, index) in Chosen.Select((run, index) => (run, index)))
        {
            if (run.PeftType == "NONE")
                continue;
            var name = NameOf(run);
            if (_state.Curves != CompareCurves.Eval)
                lines.Add(new(run.Id, ChartMetric.Loss, name, ColorOf(run), index));
            if (_state.Curves != CompareCurves.Train)
                lines.Add(new(run.Id, ChartMetric.EvalLoss, Text["evalOf", name], ColorOf(run), index, Points: true));
        }

        _lines = lines;
        _settings = SettingsTable.Build([.. Chosen.Select(run => _details.GetValueOrDefault(run.Id)).OfType<RunDetail>()], _methods);
    }

    private string NameOf(RunSummary run) => run.Name.Length > 0 ? run.Name : Methods.Of(run.PeftType);

    private async Task ReadDetailsAsync()
    {
        try
        {
            if (_methods.Count == 0)
                _methods = await Api.MethodsAsync();
            foreach (var run in Chosen.Where(run => !_details.ContainsKey(run.Id)))
            {
                var detail = await Api.GetAsync(run.Id);
                if (_gone)
                    return;
                _details[run.Id] = detail;
                if (!RunActions.IsOver(detail.Summary.State))
                    _following[run.Id] = await Live.FollowAsync(run.Id, detail.LastSeq, events => InvokeAsync(() => ReceiveAsync(run.Id, events)));
            }

            Live.Start();
            Draw();
            StateHasChanged();
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _error = error.Message;
            StateHasChanged();
        }
    }

    private async Task ReceiveAsync(string runId, IReadOnlyList<JsonElement> events)
    {
        if (_chart is null)
            return;
        if (LivePoints.Supersedes(events))
            await _chart.ReloadAsync();
        await _chart.AppendAsync(LivePoints.Read(runId, events, _state.Axis));
    }

    private async Task OnStartedAsync(ComparisonDto comparison)
    {
        _starting = false;
        Navigation.NavigateTo("compare" + (_state with { Runs = comparison.RunIds, Range = null }).ToQuery());
        _state = _state with { Runs = comparison.RunIds, Range = null };
        await LoadAsync();
    }

    private async Task ExportAsync()
    {
        await using var page = await Js.InvokeAsync<IJSObjectReference>("import", "./js/page.js");
        await page.InvokeVoidAsync("download", "comparison.csv", "text/csv", CompareCsv.Write(Chosen, _settings));
    }

    private void OnLocationChanged(object? sender, LocationChangedEventArgs change) => _ = InvokeAsync(async () =>
    {
        var address = new Uri(change.Location);
        var state = CompareState.Parse(address.Query);
        // Back and forward change the address from outside; what this page wrote itself is already shown.
        if (!address.AbsolutePath.EndsWith("/compare", StringComparison.Ordinal) || state.ToQuery() == _state.ToQuery())
            return;
        _state = state;
        Draw();
        await ReadDetailsAsync();
    });

    /// <summary>What was found between the list and the connection was announced to nobody.</summary>
    private void OnConnectionChanged() => _ = InvokeAsync(async () =>
    {
        if (Live.IsConnected && _all is { } known && _state.Runs.Any(id => !known.Exists(run => run.Id == id)))
            await LoadAsync();
    });

    private void OnRunChanged(RunSummary run) => _ = InvokeAsync(() =>
    {
        if (_all is null)
            return;
        var index = _all.FindIndex(known => known.Id == run.Id);
        if (index >= 0)
        {
            _all[index] = run;
        }
        else
        {
            // The address may name a run that the server has only now found.
            _all.Insert(0, run);
            if (_state.Runs.Contains(run.Id))
            {
                Draw();
                _ = ReadDetailsAsync();
            }
        }

        StateHasChanged();
    });
}
