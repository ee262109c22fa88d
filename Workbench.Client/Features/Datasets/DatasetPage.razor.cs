using Microsoft.AspNetCore.Components;
using MudBlazor;
using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Datasets;

/// <summary>One dataset: its records as a table, one of them in full, and every change with its way back.</summary>
public sealed partial class DatasetPage
{
    private DatasetSummary? _dataset;
    private EditState? _edits;
    private RecordPage? _page;
    private RecordDto? _record;
    private bool _recordMissing;
    private bool _editing;
    private Panel _panel;
    private string? _error;
    private IDisposable? _keys;
    private DatasetState? _shown;
    private CancellationTokenSource _reading = new();

    private enum Panel
    {
        None,
        Split,
        Rename,
    }

    [Inject]
    public required DatasetsApi Api { get; set; }

    [Inject]
    public required NavigationManager Navigation { get; set; }

    [Inject]
    public required Keyboard Keyboard { get; set; }

    [Inject]
    public required PageTrail Trail { get; set; }

    [Inject]
    public required ISnackbar Snackbar { get; set; }

    [Parameter]
    public string Id { get; set; } = "";

    [SupplyParameterFromQuery(Name = "split")]
    public string? SplitText { get; set; }

    [SupplyParameterFromQuery(Name = "q")]
    public string? Query { get; set; }

    [SupplyParameterFromQuery(Name = "page")]
    public string? PageText { get; set; }

    [SupplyParameterFromQuery(Name = "record")]
    public string? RecordText { get; set; }

    [SupplyParameterFromQuery(Name = "face")]
    public string? FaceText { get; set; }

    private DatasetState State => DatasetState.Read(SplitText, Query, PageText, RecordText, FaceText);

    private long Total => (long)_dataset!.Train + _dataset.Dev + _dataset.Test;

    public void Dispose()
    {
        _keys?.Dispose();
        _reading.Cancel();
        _reading.Dispose();
    }

    protected override void OnInitialized() => _keys = Keyboard.Register(
        new("n", Text["addRecord"], () => Do(() => Navigation.NavigateTo($"datasets/new?into={Uri.EscapeDataString(Id)}&way=form"))),
        new("j", Text["keyNext"], () => Do(() => Step(1))),
        new("k", Text["keyPrevious"], () => Do(() => Step(-1))),
        new("1", Text["faceGraph"], () => Do(() => Go(State with { Face = RecordFace.Graph }))),
        new("2", Text["faceInstruction"], () => Do(() => Go(State with { Face = RecordFace.Instruction }))),
        new("3", Text["faceTokens"], () => Do(() => Go(State with { Face = RecordFace.Tokens }))),
        new("e", Text["keyEdit"], () => Do(() => _editing = _record is not null)),
        new("Delete", Text["keyDelete"], () => _record is null || _editing ? Task.CompletedTask : DeleteRecordAsync()),
        new("Ctrl+z", Text["undo"], UndoAsync),
        new("Ctrl+Shift+z", Text["redo"], RedoAsync),
        new("Ctrl+y", Text["redo"], RedoAsync),
        new("Escape", Shared["keyBack"], () => Do(StepBack)));

    protected override async Task OnParametersSetAsync()
    {
        if (_dataset?.Id != Id)
            await LoadAsync();
        else if (State != _shown)
            await ReadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            _dataset = await Api.GetAsync(Id);
            Trail.Show(_dataset.Name);
            _edits = await Api.EditStateAsync(Id, _reading.Token);
            await ReadAsync();
        }
        catch (ApiException error)
        {
            _error = error.Message;
        }
    }

    /// <summary>Records and the chosen one, as the address says. What is on the screen stays until the new is there.</summary>
    private async Task ReadAsync()
    {
        await _reading.CancelAsync();
        _reading = new();
        var mine = _reading.Token;
        var state = State;
        var last = _shown;
        _shown = state;
        try
        {
            _error = null;
            if (_page is null || last is null || (last.Split, last.Query, last.Page) != (state.Split, state.Query, state.Page))
                _page = await Api.PageAsync(Id, state.Split, state.Query, state.Page * DatasetState.PageSize, DatasetState.PageSize, mine);
            if (_record?.Id != state.Record)
                await ReadRecordAsync(state.Record, mine);
        }
        catch (ApiException error)
        {
            _error = error.Message;
        }
        catch (OperationCanceledException) when (mine.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task ReadRecordAsync(string? id, CancellationToken cancel)
    {
        (_record, _recordMissing, _editing) = (_page?.Records.FirstOrDefault(record => record.Id == id), false, false);
        if (id is null || _record is not null)
            return;
        try
        {
            _record = await Api.RecordAsync(Id, id, cancel);
        }
        catch (ApiException error) when (error.Status == 404)
        {
            _recordMissing = true;
        }
    }

    private void Go(DatasetState state) => Navigation.NavigateTo(Navigation.GetUriWithQueryParameters(state.ToQuery()), replace: state.Record is not null && State.Record is not null);

    private void Step(int by)
    {
        if (_page is not { Records.Count: > 0 } page || _editing)
            return;
        var at = page.Records.ToList().FindIndex(record => record.Id == State.Record);
        Go(State with { Record = page.Records[Math.Clamp(at < 0 ? 0 : at + by, 0, page.Records.Count - 1)].Id });
    }

    private void StepBack()
    {
        if (_panel != Panel.None)
            ClosePanel();
        else if (State.Record is not null && !_editing)
            Go(State with { Record = null });
    }

    private void ClosePanel() => _panel = Panel.None;

    private int Count(DatasetSplit split) => split switch
    {
        DatasetSplit.Train => _dataset!.Train,
        DatasetSplit.Dev => _dataset!.Dev,
        _ => _dataset!.Test,
    };

    private async Task Do(Action action)
    {
        action();
        await InvokeAsync(StateHasChanged);
    }
}
