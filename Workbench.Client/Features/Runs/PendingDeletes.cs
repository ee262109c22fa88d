using Microsoft.Extensions.Localization;
using MudBlazor;

namespace Workbench.Client.Features.Runs;

/// <summary>Deleting waits a few seconds, during which it can be taken back; meanwhile the run is hidden.</summary>
public sealed class PendingDeletes(RunsApi api, ISnackbar snackbar, IStringLocalizer<RunsText> text, TimeProvider clock)
{
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly Dictionary<string, CancellationTokenSource> _waiting = [];

    public event Action? Changed;

    public bool IsHidden(string runId) => _waiting.ContainsKey(runId);

    public async Task DeleteAsync(string runId, string name)
    {
        if (_waiting.ContainsKey(runId))
            return;
        using var undo = new CancellationTokenSource();
        _waiting[runId] = undo;
        Changed?.Invoke();
        snackbar.Add(text["deleted", name].Value, Severity.Normal, options =>
        {
            options.Action = text["undo"];
            options.OnClick = async _ => await undo.CancelAsync();
            options.VisibleStateDuration = (int)Grace.TotalMilliseconds;
        }, key: "delete-" + runId);
        try
        {
            await Task.Delay(Grace, clock, undo.Token);
            await api.DeleteAsync(runId);
        }
        catch (OperationCanceledException) when (undo.IsCancellationRequested)
        {
            snackbar.Add(text["restored", name].Value, Severity.Info);
        }
        catch (RunsApiException error)
        {
            snackbar.Add(text["deleteFailed", name, error.Message].Value, Severity.Error);
        }
        finally
        {
            _waiting.Remove(runId);
            Changed?.Invoke();
        }
    }
}
