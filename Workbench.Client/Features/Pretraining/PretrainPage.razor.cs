using Microsoft.AspNetCore.Components;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Pretraining;

/// <summary>One page from layout and text to a run that makes a base; every edit updates the summary.</summary>
public sealed partial class PretrainPage
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(300);

    private readonly PretrainForm _form = new();
    private IReadOnlyList<DatasetSummary> _datasets = [];
    private IReadOnlyList<ModelSummary> _models = [];
    private PretrainChoices? _choices;
    private PretrainPreview? _preview;
    private Debouncer? _debounce;
    private string? _error;
    private string? _startError;
    private bool _previewing;
    private bool _starting;

    /// <summary>A run whose settings the form starts with.</summary>
    [SupplyParameterFromQuery(Name = "duplicate")]
    public string? DuplicateId { get; set; }

    /// <summary>A dataset to learn from.</summary>
    [SupplyParameterFromQuery(Name = "dataset")]
    public string? DatasetId { get; set; }

    private IEnumerable<(DraftProblem Problem, string Text)> Problems =>
    [
        .. _form.Unreadable.Select(name => (new DraftProblem(name, "error", "unreadable", ""), Text["notANumber"].Value)),
        .. (_preview?.Problems ?? []).Select(problem => (problem, Server.Of(problem.Message))),
    ];

    /// <summary>Why Start cannot be pressed; null when it can.</summary>
    private string? Blocked =>
        _preview is null ? Text["previewMissing"]
        : Problems.Where(found => found.Problem.Severity == "error").Select(found => found.Text).FirstOrDefault();

    public void Dispose() => _debounce?.Dispose();

    protected override async Task OnInitializedAsync()
    {
        Trail.Show(Text["title"]);
        _debounce = new(s_pause, Clock);
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            var choices = Api.ChoicesAsync();
            var datasets = Runs.DatasetsAsync();
            var models = Runs.ModelsAsync();
            var copied = DuplicateId is null ? null : await Api.DuplicateAsync(DuplicateId);

            // Only texts and records with a text field can be read as documents.
            _datasets = [.. (await datasets).Where(dataset => dataset.Kind is DatasetKind.Text or DatasetKind.Classification or DatasetKind.Tagging).OrderBy(dataset => dataset.Kind != DatasetKind.Text)];
            _models = await models;
            var known = await choices;
            _form.Open(known);
            _form.DatasetId = _datasets.Any(dataset => dataset.Id == DatasetId) ? DatasetId : _datasets.Count > 0 ? _datasets[0].Id : null;
            _form.TokenizerModelId = _models.Count > 0 ? _models[0].Id : null;
            if (copied is not null)
                _form.Take(copied);
            _choices = known;
            await PreviewAsync(CancellationToken.None);
        }
        catch (Exception error) when (error is ApiException or RunsApiException or HttpRequestException)
        {
            _error = error.Message;
        }
    }

    private string? ProblemOf(string name) => Problems.Where(found => found.Problem.Field == name).Select(found => found.Text).FirstOrDefault();

    private Task EditAsync(Action change)
    {
        change();
        return OnEdited();
    }

    private async Task OnEdited()
    {
        if (await _debounce!.RunAsync(cancel => InvokeAsync(() => PreviewAsync(cancel))))
            StateHasChanged();
    }

    private async Task PreviewAsync(CancellationToken cancel)
    {
        try
        {
            _previewing = true;
            var preview = await Api.PreviewAsync(_form.Build(), cancel);
            if (cancel.IsCancellationRequested)
                return;
            (_preview, _startError) = (preview, null);
        }
        catch (ApiException error)
        {
            _startError = error.Message;
        }
        finally
        {
            _previewing = false;
        }
    }

    private async Task StartAsync()
    {
        try
        {
            (_starting, _startError) = (true, null);
            var run = await Api.StartAsync(_form.Build());
            Navigation.NavigateTo($"runs/{Uri.EscapeDataString(run.Id)}");
        }
        catch (ApiException error)
        {
            _startError = error.Message;
        }
        finally
        {
            _starting = false;
        }
    }
}
