using Microsoft.Extensions.Localization;
using MudBlazor;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Datasets;

/// <summary>A dataset is gone for good once deleted, so the deletion itself waits a few seconds in which it can be called off; meanwhile it is hidden.</summary>
public sealed class DatasetDeletes(DatasetsApi api, ISnackbar snackbar, IStringLocalizer<DatasetsText> text, TimeProvider clock)
{
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly HashSet<string> _waiting = [];

    public event Action? Changed;

    public bool IsHidden(string id) => _waiting.Contains(id);

    public async Task DeleteAsync(string id, string name)
    {
        if (!_waiting.Add(id))
            return;
        using var keep = new CancellationTokenSource();
        snackbar.Add(text["datasetDeleted", name].Value, Severity.Normal, options =>
        {
            options.Action = text["undo"];
            options.OnClick = async _ => await keep.CancelAsync();
            options.VisibleStateDuration = (int)Grace.TotalMilliseconds;
        });
        Changed?.Invoke();
        try
        {
            await Task.Delay(Grace, clock, keep.Token);
            await api.DeleteAsync(id);
        }
        catch (OperationCanceledException) when (keep.IsCancellationRequested)
        {
            Restore(id, text["restored", name], Severity.Info);
        }
        catch (ApiException error)
        {
            Restore(id, error.Message, Severity.Error);
        }
    }

    private void Restore(string id, string said, Severity severity)
    {
        _waiting.Remove(id);
        Changed?.Invoke();
        snackbar.Add(said, severity);
    }
}
