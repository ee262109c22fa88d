using System.Globalization;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Localization;
using Microsoft.JSInterop;

namespace Workbench.Client.Features.Charts;

/// <summary>
/// Curves of runs. Parameters go down to the script module, which fetches the points itself as binary columns; zooming comes back as an event.
/// New points are handed over with <see cref="AppendAsync"/>; nothing is ever sent twice.
/// </summary>
public sealed partial class SeriesChart
{
    private const int TableRows = 21;

    private ElementReference _host;
    private IJSObjectReference? _module;
    private IJSObjectReference? _chart;
    private DotNetObjectReference<SeriesChart>? _self;
    private Options? _sent;
    private IReadOnlyList<ChartRow>? _rows;
    private string? _error;
    private readonly List<ChartPoints> _early = [];
    private string _spoken = "";
    private bool _disposed;

    [Parameter, EditorRequired]
    public required string Title { get; set; }

    [Parameter, EditorRequired]
    public required IReadOnlyList<ChartLine> Lines { get; set; }

    [Parameter]
    public ChartAxis Axis { get; set; }

    [Parameter]
    public bool Log { get; set; }

    [Parameter]
    public ChartFit Fit { get; set; }

    /// <summary>Weight of the past in the moving average, 0 (off) to 0.99.</summary>
    [Parameter]
    public double Smoothing { get; set; }

    /// <summary>How values are written: <c>number</c>, <c>rate</c>, <c>bytes</c>, <c>integer</c>.</summary>
    [Parameter]
    public string Format { get; set; } = "number";

    /// <summary>Charts with the same group share the cursor.</summary>
    [Parameter]
    public string? Group { get; set; }

    [Parameter]
    public bool EndLabels { get; set; }

    [Parameter]
    public IReadOnlyList<ChartMark> Marks { get; set; } = [];

    [Parameter]
    public int Height { get; set; } = 320;

    /// <summary>A small multiple: no tools of its own.</summary>
    [Parameter]
    public bool Small { get; set; }

    [Parameter]
    public ChartRange? Range { get; set; }

    [Parameter]
    public EventCallback<ChartRange?> RangeChanged { get; set; }

    [Parameter]
    public RenderFragment? HeadContent { get; set; }

    private string AxisLabel => Text[Axis switch { ChartAxis.Tokens => "tokens", ChartAxis.Time => "time", _ => "step" }];

    public async Task AppendAsync(IReadOnlyList<ChartPoints> batches)
    {
        var mine = batches.Where(batch => Lines.Any(line => line.Key == batch.Key)).ToArray();
        if (mine.Length == 0)
            return;
        if (_chart is null)
            _early.AddRange(mine);
        else
            await _chart.InvokeVoidAsync("append", [mine]);
    }

    /// <summary>Reads every curve again, for example after a resume replaced its end.</summary>
    public async Task ReloadAsync()
    {
        _error = null;
        if (_chart is not null)
            await _chart.InvokeVoidAsync("reload");
    }

    [JSInvokable]
    public Task OnViewChanged(double? from, double? to) =>
        RangeChanged.InvokeAsync(from is { } start && to is { } end ? new ChartRange(start, end) : null);

    [JSInvokable]
    public async Task OnLoaded(string? error)
    {
        _error = error;
        if (_chart is not null)
            _spoken = Speak(await _chart.InvokeAsync<ChartSummary[]>("summary"));
        if (_rows is not null)
            await ReadTableAsync();
        StateHasChanged();
    }

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        try
        {
            if (_chart is not null)
            {
                await _chart.InvokeVoidAsync("dispose");
                await _chart.DisposeAsync();
            }

            if (_module is not null)
                await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The page is gone, and the chart with it.
            _chart = null;
        }

        _self?.Dispose();
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        var options = Current();
        if (firstRender)
        {
            _sent = options;
            _self = DotNetObjectReference.Create(this);
            _module = await Js.InvokeAsync<IJSObjectReference>("import", "./js/charts/chart.js");
            if (_disposed)
                return;
            _chart = await _module.InvokeAsync<IJSObjectReference>("create", _host, _self, options);
            if (_early.Count > 0)
                await _chart.InvokeVoidAsync("append", [_early.ToArray()]);
            _early.Clear();
            StateHasChanged(); // the tools work from now on
            options = Current();
        }

        if (_chart is null || _sent!.Equals(options))
            return;
        _sent = options;
        await _chart.InvokeVoidAsync("update", options);
    }

    private Options Current() => new(
        [.. Lines.Select(line => new Line(line.Key, line.Run, line.Metric, line.Label, line.Color, line.Dash, line.Points ? "points" : "line", line.Smooth))],
        Axis switch { ChartAxis.Tokens => "tokens", ChartAxis.Time => "time", _ => "step" },
        AxisLabel, Log, Fit == ChartFit.Bulk ? "bulk" : "all", Smoothing, Format, Group, EndLabels, Marks, Range?.From, Range?.To);

    private async Task ZoomAsync(double factor)
    {
        if (_chart is not null)
            await _chart.InvokeVoidAsync("zoomBy", factor);
    }

    private async Task ResetAsync()
    {
        if (_chart is not null)
            await _chart.InvokeVoidAsync("reset");
    }

    private async Task ToggleTableAsync()
    {
        if (_rows is not null)
            _rows = null;
        else
            await ReadTableAsync();
    }

    private async Task ReadTableAsync()
    {
        if (_chart is not null)
            _rows = await _chart.InvokeAsync<ChartRow[]>("table", TableRows);
    }

    private string Speak(ChartSummary[] lines) => lines.All(line => line.Points == 0)
        ? Text["empty"]
        : string.Join(" ", lines.Where(line => line.First is not null).Select(line => Text[
            "summary", line.Label, line.Points, Shown(line.First!.Value, 4), Shown(line.Last!.Value, 4), Shown(line.Min!.Value, 4), Shown(line.Max!.Value, 4)].Value));

    private static string Shown(double value, int digits) =>
        Math.Abs(value) is > 0 and < 0.001 ? value.ToString("0.00e0", CultureInfo.CurrentCulture)
        : value.ToString(Math.Abs(value) >= 1000 || digits < 2 ? "#,0.##" : "0.####", CultureInfo.CurrentCulture);

    private sealed record Line(string Key, string Run, string Metric, string Label, int Color, int Dash, string Kind, bool Smooth);

    private sealed record Options(
        Line[] Lines, string Axis, string AxisLabel, bool Log, string Fit, double Smoothing, string Format, string? Group, bool Labels,
        IReadOnlyList<ChartMark> Marks, double? From, double? To)
    {
        public bool Equals(Options? other) =>
            other is not null && Lines.SequenceEqual(other.Lines) && Marks.SequenceEqual(other.Marks) && Axis == other.Axis && AxisLabel == other.AxisLabel &&
            Log == other.Log && Fit == other.Fit && Smoothing.Equals(other.Smoothing) && Format == other.Format && Group == other.Group && Labels == other.Labels;

        public override int GetHashCode() => HashCode.Combine(Lines.Length, Axis, Log, Fit, Smoothing, Group);
    }
}
