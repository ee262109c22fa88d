using Microsoft.AspNetCore.Components;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>One page from data to Start; every edit updates the summary. What is chosen stands in the address.</summary>
public sealed partial class NewRunPage
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(250);

    private readonly DraftForm _form = new();
    private Dictionary<string, string> _shares = [];
    private IReadOnlyList<DatasetSummary> _datasets = [];
    private IReadOnlyList<ModelSummary> _models = [];
    private IReadOnlyList<MethodDto>? _methods;
    private SystemInfo? _system;
    private RunPreview? _preview;
    private Debouncer? _debounce;
    private string? _error;
    private string? _previewError;
    private string? _startError;
    private string? _described;
    private bool _previewing;
    private bool _starting;

    [SupplyParameterFromQuery(Name = "dataset")]
    public string? DatasetId { get; set; }

    [SupplyParameterFromQuery(Name = "model")]
    public string? ModelId { get; set; }

    [SupplyParameterFromQuery(Name = "method")]
    public string? MethodType { get; set; }

    [SupplyParameterFromQuery(Name = "duplicate")]
    public string? DuplicateId { get; set; }

    private IReadOnlyList<DraftProblem> Problems
    {
        get
        {
            var local = _form.Problems();
            var named = local.Select(problem => problem.Field).ToHashSet();
            return [.. local, .. (_preview?.Problems ?? []).Where(problem => !named.Contains(problem.Field))];
        }
    }

    private string Lead
    {
        get
        {
            var dataset = _datasets.FirstOrDefault(candidate => candidate.Id == _form.DatasetId)?.Name;
            var model = _models.FirstOrDefault(candidate => candidate.Id == _form.ModelId)?.Name;
            return dataset is null || model is null || _form.Method is null
                ? Text["newLeadChoose"]
                : Text["newLead", dataset, model, Methods.Of(_form.Method.PeftType)];
        }
    }

    public void Dispose() => _debounce?.Dispose();

    protected override async Task OnInitializedAsync()
    {
        _debounce = new(s_pause, Clock);
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            var datasets = Api.DatasetsAsync();
            var models = Api.ModelsAsync();
            var methods = Api.MethodsAsync();
            var system = Api.SystemAsync();
            var copied = DuplicateId is null ? null : await Api.DuplicateAsync(DuplicateId);
            (_datasets, _models, _system) = (await datasets, await models, await system);
            var known = await methods;
            _form.DatasetId = Known(copied?.DatasetId ?? DatasetId, _datasets.Select(dataset => dataset.Id));
            _form.ModelId = Known(copied?.ModelId ?? ModelId, _models.Select(model => model.Id));
            var type = Known(copied?.PeftType ?? MethodType, known.Select(method => method.PeftType));
            if (known.FirstOrDefault(method => method.PeftType == type) is { } chosen)
                _form.Choose(chosen);
            if (copied is not null)
                _form.Take(copied);
            _methods = known;
            await Task.WhenAll(PreviewNowAsync(), CountTrainableAsync());
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _error = error.Message;
        }
    }

    private async Task ChooseAsync(string? dataset = null, string? model = null, MethodDto? method = null)
    {
        // Another dataset or base has other tasks: what it suggests is taken until the person chooses again.
        if ((dataset ?? _form.DatasetId) != _form.DatasetId || (model ?? _form.ModelId) != _form.ModelId)
            _form.TaskType = null;
        _form.DatasetId = dataset ?? _form.DatasetId;
        _form.ModelId = model ?? _form.ModelId;
        if (method is not null)
            _form.Choose(method);
        Navigation.NavigateTo(
            Navigation.GetUriWithQueryParameters(new Dictionary<string, object?>
            {
                ["dataset"] = _form.DatasetId, ["model"] = _form.ModelId, ["method"] = _form.Method?.PeftType, ["duplicate"] = null,
            }), replace: true);
        if (model is not null || dataset is not null)
            await CountTrainableAsync();
        await PreviewNowAsync();
    }

    private async Task ChooseTaskAsync(string? task)
    {
        _form.TaskType = task;
        await CountTrainableAsync();
        await PreviewNowAsync();
    }

    private async Task OnEdited()
    {
        if (await _debounce!.RunAsync(cancel => InvokeAsync(() => PreviewAsync(cancel))))
            StateHasChanged();
    }

    private Task PreviewNowAsync() => PreviewAsync(CancellationToken.None);

    private async Task PreviewAsync(CancellationToken cancel)
    {
        if (!_form.IsChosen)
            return;
        try
        {
            _previewing = true;
            StateHasChanged();
            await DescribeAsync(cancel);
            var preview = await Api.PreviewAsync(_form.Build(), cancel);
            if (cancel.IsCancellationRequested)
                return;
            (_preview, _previewError) = (preview, null);
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _previewError = error.Message;
        }
        finally
        {
            _previewing = false;
        }
    }

    /// <summary>The training defaults of this method, asked for once: a draft without any change is answered with them.</summary>
    private async Task DescribeAsync(CancellationToken cancel)
    {
        var key = $"{_form.DatasetId}|{_form.ModelId}|{_form.Method!.PeftType}|{_form.TaskType}";
        if (_described == key)
            return;
        var plain = await Api.PreviewAsync(_form.Build() with { Peft = [], Training = [] }, cancel);
        _form.Describe(plain.EffectiveTraining, plain.TrainingOptions);
        _described = key;
    }

    /// <summary>What each method would train of this base, at its defaults, for the cards.</summary>
    private async Task CountTrainableAsync()
    {
        if (_form.DatasetId is null || _form.ModelId is null || _methods is null)
            return;
        foreach (var method in _methods)
        {
            var draft = new RunDraft { DatasetId = _form.DatasetId, ModelId = _form.ModelId, PeftType = method.PeftType, TaskType = _form.TaskType };
            var preview = await Api.PreviewAsync(draft, CancellationToken.None);
            _shares[method.PeftType] = Numbers.Share(preview.TrainableParams, preview.AllParams);
        }

        _shares = new(_shares);
        StateHasChanged();
    }

    private string Describe(MethodDto method)
    {
        var text = Methods.Explain(method.PeftType);
        return text == Methods.Of(method.PeftType) ? $"{method.Summary} {method.Paper}" : text;
    }

    private async Task StartAsync()
    {
        try
        {
            (_starting, _startError) = (true, null);
            var run = await Api.StartAsync(_form.Build());
            Navigation.NavigateTo($"runs/{Uri.EscapeDataString(run.Id)}");
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _startError = error.Message;
        }
        finally
        {
            _starting = false;
        }
    }

    /// <summary>The wanted one where it exists, otherwise the first: the form is complete when it opens.</summary>
    private static string? Known(string? wanted, IEnumerable<string> ids)
    {
        var all = ids.ToArray();
        return all.Contains(wanted) ? wanted : all.FirstOrDefault();
    }
}
