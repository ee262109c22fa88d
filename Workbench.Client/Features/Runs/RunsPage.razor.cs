using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>All runs, newest first, live.</summary>
public sealed partial class RunsPage
{
    private readonly List<string> _chosen = [];
    private readonly List<RunSummary> _waiting = [];
    private List<RunSummary>? _runs;
    private string? _error;

    private IReadOnlyList<RunSummary> Shown => [.. (_runs ?? []).Where(run => !Deletes.IsHidden(run.Id))];

    public void Dispose()
    {
        Live.RunChanged -= OnRunChanged;
        Live.RunDeleted -= OnRunDeleted;
        Deletes.Changed -= OnDeletesChanged;
    }

    protected override async Task OnInitializedAsync()
    {
        Live.RunChanged += OnRunChanged;
        Live.RunDeleted += OnRunDeleted;
        Deletes.Changed += OnDeletesChanged;
        Live.Start();
        await LoadAsync();
    }

    private async Task LoadAsync()
    {
        try
        {
            _error = null;
            _runs = [.. (await Api.ListAsync()).OrderByDescending(run => run.CreatedAt)];
            _waiting.Clear();
        }
        catch (Exception error) when (error is RunsApiException or HttpRequestException)
        {
            _error = error.Message;
        }
    }

    private void Choose(string id, bool chosen)
    {
        _chosen.Remove(id);
        if (chosen)
            _chosen.Add(id);
    }

    private void CompareChosen() => Navigation.NavigateTo("compare?runs=" + string.Join(',', _chosen.Select(Uri.EscapeDataString)));

    private void ShowWaiting()
    {
        _runs!.InsertRange(0, _waiting.OrderByDescending(run => run.CreatedAt));
        _waiting.Clear();
    }

    private void OnRunChanged(RunSummary run) => _ = InvokeAsync(() =>
    {
        if (_runs is null)
            return;
        // What is read stays where it is: a run that is not in the list yet waits behind a button.
        if (!Replace(_runs, run) && !Replace(_waiting, run))
            _waiting.Add(run);
        StateHasChanged();
    });

    private void OnRunDeleted(string id) => _ = InvokeAsync(() =>
    {
        _runs?.RemoveAll(run => run.Id == id);
        _waiting.RemoveAll(run => run.Id == id);
        _chosen.Remove(id);
        StateHasChanged();
    });

    private void OnDeletesChanged() => _ = InvokeAsync(StateHasChanged);

    private static bool Replace(List<RunSummary> runs, RunSummary run)
    {
        var index = runs.FindIndex(known => known.Id == run.Id);
        if (index >= 0)
            runs[index] = run;
        return index >= 0;
    }
}
