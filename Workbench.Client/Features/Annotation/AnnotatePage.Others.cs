using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Annotation;

/// <summary>Other people on the same dataset, and the machines that can be asked.</summary>
public sealed partial class AnnotatePage
{
    private const string NameKey = "wb-annotator";

    private AnnotationLive _live = null!;
    private IReadOnlyList<AnnotatorDto> _others = [];
    private IReadOnlyList<RunSummary> _runs = [];
    private string _name = "";
    private string _source = "";
    private bool _asking;

    [Inject]
    public required RunsApi Runs { get; set; }

    private void StartLive()
    {
        _live = new AnnotationLive(Navigation);
        _live.AnnotatorsChanged += others => _ = InvokeAsync(() =>
        {
            _others = [.. others.Where(other => other.Connection != _live.Own)];
            StateHasChanged();
        });
        _live.Annotated += (record, operation) => _ = InvokeAsync(() => TellScriptAsync("remote", record, operation));
        _live.Returned += () => _ = InvokeAsync(() => TellScriptAsync("refresh"));
    }

    private async Task ReadSurroundingsAsync()
    {
        _name = await Js.InvokeAsync<string?>("localStorage.getItem", NameKey) ?? Text["annotator"];
        var runs = await Runs.ListAsync();
        _runs = [.. runs.Where(run => run.Result is { TaskType: "CAUSAL_LM" } && run.State is RunState.Completed or RunState.Stopped && run.Result?.AdapterBytes > 0)];
    }

    private async Task NameAsync(ChangeEventArgs change)
    {
        _name = change.Value?.ToString()?.Trim() is { Length: > 0 } name ? name : Text["annotator"];
        await Js.InvokeVoidAsync("localStorage.setItem", NameKey, _name);
        await LookAsync(_view?.Record);
    }

    private Task LookAsync(string? record) => _live.LookAsync(Id, _name, record);

    private async Task SuggestAsync()
    {
        if (_asking || _script is null)
            return;
        _asking = true;
        StateHasChanged();
        try
        {
            await _script.InvokeVoidAsync("suggest", _source.Length > 0 ? _source : null);
        }
        finally
        {
            _asking = false;
            StateHasChanged();
        }
    }

    private async Task TellScriptAsync(string what, params object?[] parts)
    {
        if (_script is not null)
            await _script.InvokeVoidAsync(what, parts);
    }

    private string Where(AnnotatorDto other) => other.Record == _view?.Record ? Text["onThisRecord", other.Name] : other.Name;
}
