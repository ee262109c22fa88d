using Microsoft.Extensions.Localization;
using MudBlazor;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Models;

/// <summary>Removing a model or what has arrived of one waits a few seconds in which it can be called off; meanwhile it is hidden.</summary>
public sealed class ModelRemovals(ModelsApi api, ISnackbar snackbar, IStringLocalizer<ModelsText> text, TimeProvider clock)
{
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly HashSet<string> _waiting = [];

    public event Action? Changed;

    public bool IsHidden(string id) => _waiting.Contains(id);

    /// <param name="id">The model.</param>
    /// <param name="name">Its name.</param>
    /// <param name="forgets">Its files stay where they lie.</param>
    public Task RemoveAsync(string id, string name, bool forgets) => AfterGraceAsync(id, name, text[forgets ? "forgotten" : "removed", name], () => api.RemoveAsync(id));

    public Task RemoveJobAsync(string jobId, string name) => AfterGraceAsync(jobId, name, text["jobRemoved", name], () => api.RemoveJobAsync(jobId));

    private async Task AfterGraceAsync(string id, string name, string said, Func<Task> action)
    {
        if (!_waiting.Add(id))
            return;
        using var keep = new CancellationTokenSource();
        snackbar.Add(said, Severity.Normal, options =>
        {
            options.Action = text["undo"];
            options.OnClick = async _ => await keep.CancelAsync();
            options.VisibleStateDuration = (int)Grace.TotalMilliseconds;
        }, key: "remove-" + id);
        Changed?.Invoke();
        try
        {
            await Task.Delay(Grace, clock, keep.Token);
            await action();
        }
        catch (OperationCanceledException) when (keep.IsCancellationRequested)
        {
            snackbar.Add(text["restored", name].Value, Severity.Info);
        }
        catch (ApiException error)
        {
            snackbar.Add(text["removeFailed", name, error.Message].Value, Severity.Error);
        }
        finally
        {
            _waiting.Remove(id);
            Changed?.Invoke();
        }
    }
}
