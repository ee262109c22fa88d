using Microsoft.AspNetCore.Components;
using MudBlazor;
using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Datasets;

/// <summary>The changes a person can make on the page; each can be taken back.</summary>
public sealed partial class DatasetPage
{
    [Inject]
    public required DatasetDeletes Deletes { get; set; }

    private Task UndoAsync() => _edits is { CanUndo: true } ? ChangeAsync(() => Api.UndoAsync(Id), Text["undone"]) : Task.CompletedTask;

    private Task RedoAsync() => _edits is { CanRedo: true } ? ChangeAsync(() => Api.RedoAsync(Id), Text["redone"]) : Task.CompletedTask;

    private async Task SplitAsync(SplitDataset order)
    {
        if (await ChangeAsync(() => Api.SplitAsync(Id, order), Text["saved"], undo: true))
            ClosePanel();
    }

    private async Task DeleteRecordAsync()
    {
        if (_record is not { } record)
            return;
        // The next record takes its place, so that going through a list needs no second aim.
        var at = _page?.Records.ToList().FindIndex(other => other.Id == record.Id) ?? -1;
        var next = _page?.Records.ElementAtOrDefault(at + 1) ?? _page?.Records.ElementAtOrDefault(at - 1);
        if (await ChangeAsync(() => Api.RemoveAsync(Id, record.Id), Text["recordDeleted"], undo: true))
            Go(State with { Record = at < 0 ? null : next?.Id });
    }

    /// <summary>Null when saved; otherwise what the server said, for the form that still holds the text.</summary>
    private async Task<string?> SaveAsync(SaveRecord save)
    {
        try
        {
            _record = await Api.UpdateAsync(Id, State.Record!, save);
            _editing = false;
            _edits = await Api.EditStateAsync(Id, default);
            _dataset = _edits.Dataset;
            await RefreshAsync();
            Notice(Text["saved"], undo: true);
            return null;
        }
        catch (ApiException error)
        {
            return error.Message;
        }
    }

    private async Task RenameAsync(CreateDataset change)
    {
        try
        {
            _dataset = await Api.DescribeAsync(Id, change);
            Trail.Show(_dataset.Name);
            ClosePanel();
        }
        catch (ApiException error)
        {
            Snackbar.Add(error.Message, Severity.Error);
        }
    }

    private void DeleteDataset()
    {
        _ = Deletes.DeleteAsync(Id, _dataset!.Name);
        Navigation.NavigateTo("datasets");
    }

    private async Task<bool> ChangeAsync(Func<Task<EditState>> change, string said, bool undo = false)
    {
        try
        {
            _edits = await change();
            _dataset = _edits.Dataset;
            await RefreshAsync();
            Notice(said, undo);
            return true;
        }
        catch (ApiException error)
        {
            Snackbar.Add(error.Message, Severity.Error);
            return false;
        }
        finally
        {
            await InvokeAsync(StateHasChanged);
        }
    }

    private async Task RefreshAsync()
    {
        (_page, _record) = (null, null);
        await ReadAsync();
    }

    private void Notice(string said, bool undo) => Snackbar.Add(said, Severity.Normal, options =>
    {
        if (!undo)
            return;
        options.Action = Text["undo"];
        options.OnClick = _ => InvokeAsync(UndoAsync);
    });
}
