using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Localization;
using Microsoft.JSInterop;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Annotation;

/// <summary>
/// Records of a dataset one after another with their entities and relations. Text, marks and keys are a script module's work, so that a key is
/// answered at once; this page holds what stands around it.
/// </summary>
public sealed partial class AnnotatePage
{
    private readonly List<string> _refused = [];
    private DatasetSummary? _dataset;
    private AnnotationSchemaState? _schema;
    private AnnotationProgress? _progress;
    private AnnotationNews _news = new();
    private NewsRecord? _view;
    private AnnotatedTextsDto? _texts;
    private ElementReference _host;
    private IJSObjectReference? _module;
    private IJSObjectReference? _script;
    private DotNetObjectReference<AnnotatePage>? _self;
    private IDisposable? _keys;
    private Panel _panel;
    private string _reason = "";
    private string? _error;
    private string? _opened;
    private bool _empty;
    private bool _focusReason;
    private bool _disposed;

    private enum Panel
    {
        None,
        Schema,
        Skip,
    }

    [Inject]
    public required DatasetsApi Datasets { get; set; }

    [Inject]
    public required AnnotationApi Api { get; set; }

    [Inject]
    public required IJSRuntime Js { get; set; }

    [Inject]
    public required NavigationManager Navigation { get; set; }

    [Inject]
    public required Keyboard Keyboard { get; set; }

    [Inject]
    public required PageTrail Trail { get; set; }

    [Parameter]
    public string Id { get; set; } = "";

    [SupplyParameterFromQuery(Name = "record")]
    public string? Record { get; set; }

    private string Saved => _news switch
    {
        { Offline: true } => Text["offline", Format.Whole(_news.Pending)],
        { Pending: > 0 } => Text["saving", Format.Whole(_news.Pending)],
        _ => Text["allSaved"],
    };

    [JSInvokable]
    public async Task OnNews(AnnotationNews news)
    {
        ArgumentNullException.ThrowIfNull(news);
        _news = news;
        _view = news.View ?? _view;
        _texts = news.Texts ?? _texts;
        _progress = news.Progress ?? _progress;
        if (news.View is not null)
            _error = null;
        if (news.Failure is not null)
            _error = Text["openFailed", Server.Of(news.Failure)];
        if (news.Refused is not null)
            _refused.Add(news.Refused);
        if (news.AsksSkip)
            (_panel, _reason, _focusReason) = (Panel.Skip, "", true);
        if (news.AsksSuggestions)
            _ = SuggestAsync();
        if (news.View is { } shown)
            _ = LookAsync(shown.Record);
        if (news.GoTo is { } record)
            Go(record);
        await InvokeAsync(StateHasChanged);
    }

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        _keys?.Dispose();
        await StopAsync();
        await _live.DisposeAsync();
        try
        {
            if (_module is not null)
                await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The document is gone, and the module with it.
            _module = null;
        }

        _self?.Dispose();
    }

    protected override void OnInitialized()
    {
        StartLive();
        // The script answers these keys itself; here they stand for the overview, and for keys that reach the shell first.
        string[] keys = ["r", "t", "x", "c", "e", "a", "o", "y", "d", "m", "n", "p", "[", "]", "Delete", "v", "l", "w", "j", "k", "Enter", "s", "Ctrl+z", "Ctrl+Shift+z"];
        PageKey[] own = [.. keys.Select(key => new PageKey(key, Text["key-" + key], () => PressAsync(key))), new("Escape", Text["key-Escape"], CloseAsync)];
        _keys = Keyboard.Register(own);
    }

    protected override async Task OnParametersSetAsync()
    {
        if (_script is not null && Record is { } record && record != _opened)
            await OpenAsync(record);
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            _self = DotNetObjectReference.Create(this);
            await StartAsync();
        }

        if (_focusReason)
        {
            _focusReason = false;
            await Js.InvokeVoidAsync("workbench.focus", "skip-reason");
        }
    }

    private async Task StartAsync()
    {
        _error = null;
        try
        {
            _dataset = await Datasets.GetAsync(Id);
            Trail.Show(_dataset.Name);
            _schema = await Api.SchemaAsync(Id);
            await ReadSurroundingsAsync();
            await RunScriptAsync();
        }
        catch (Exception error) when (error is ApiException or JSException)
        {
            _error = Server.Of(error.Message);
        }

        StateHasChanged();
    }

    private async Task RunScriptAsync()
    {
        await StopAsync();
        _module ??= await Js.InvokeAsync<IJSObjectReference>("import", "./js/annotate/annotate.js");
        if (_disposed)
            return;
        var texts = Text.GetAllStrings(includeParentCultures: true).DistinctBy(text => text.Name).ToDictionary(text => text.Name, text => text.Value);
        _script = await _module.InvokeAsync<IJSObjectReference>("create", _host, new { @base = AnnotationApi.Base(Id), texts, list = _news.List }, _self);
        var first = await _script.InvokeAsync<string?>("start");
        _opened = null;
        if ((Record ?? first ?? await LastAsync()) is { } record)
            await OpenAsync(record);
        else
            _empty = true;
    }

    /// <summary>Where everything is done, the last record is looked at again.</summary>
    private async Task<string?> LastAsync()
    {
        var page = await Datasets.PageAsync(Id, null, "", 0, 1, CancellationToken.None);
        return page.Records.Count > 0 ? page.Records[0].Id : null;
    }

    private async Task StopAsync()
    {
        if (_script is not { } script)
            return;
        _script = null;
        try
        {
            await script.InvokeVoidAsync("dispose");
            await script.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The document is gone, and the script with it.
            _script = null;
        }
    }

    private async Task OpenAsync(string record)
    {
        _opened = record;
        await _script!.InvokeVoidAsync("open", record);
    }

    private void Go(string record)
    {
        if (_panel == Panel.Skip)
            _panel = Panel.None;
        Navigation.NavigateTo(Navigation.GetUriWithQueryParameter("record", record), replace: true);
    }

    private async Task PressAsync(string key)
    {
        if (_script is not null)
            await _script.InvokeVoidAsync("press", key);
    }

    private async Task MarkAsync(string type)
    {
        if (_script is not null)
            await _script.InvokeVoidAsync("mark", type);
    }

    private async Task CloseAsync()
    {
        if (_panel == Panel.None)
            return;
        _panel = Panel.None;
        await InvokeAsync(StateHasChanged);
    }

    private async Task SkipAsync()
    {
        if (_script is null || _reason.Trim().Length == 0)
            return;
        _panel = Panel.None;
        await _script.InvokeVoidAsync("skip", _reason.Trim());
    }

    private async Task<IReadOnlyList<TextProblemDto>> ReadAsync(RecordTextsDto texts)
    {
        if (_script is null)
            return [];
        try
        {
            return await _script.InvokeAsync<TextProblemDto[]>("type", texts);
        }
        catch (JSException error)
        {
            return [new TextProblemDto("output", null, error.Message)];
        }
    }

    private async Task SchemaSavedAsync(AnnotationSchemaState state)
    {
        (_schema, _panel) = (state, Panel.None);
        await RunScriptAsync();
    }
}
