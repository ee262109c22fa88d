using Microsoft.Extensions.Localization;
using Microsoft.JSInterop;
using MudBlazor;
using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Models;

/// <summary>Files that a person chose in the browser. Sending them goes on while one looks at other pages; the bytes never pass through .NET.</summary>
public sealed class ModelUploads(IJSRuntime js, ModelsApi api, ModelJobs jobs, ISnackbar snackbar, IStringLocalizer<ModelsText> text) : IAsyncDisposable
{
    private IJSObjectReference? _module;

    /// <summary>The upload that this browser sends now.</summary>
    public string? Sending { get; private set; }

    /// <summary>Watches the two inputs and the drop area of a page; a choice is told by <c>OnChosen(name, files)</c>.</summary>
    public async Task AttachAsync(string dropId, object reference) => await (await ModuleAsync()).InvokeVoidAsync("attach", dropId, reference);

    /// <summary>Content of config.json among the chosen files; null when there is none.</summary>
    public async Task<string?> ConfigAsync() => await (await ModuleAsync()).InvokeAsync<string?>("config");

    /// <summary>Announces the files and begins to send them.</summary>
    public async Task StartAsync(UploadOrder order)
    {
        var state = await api.StartUploadAsync(order);
        jobs.Put(state.Job);
        _ = SendAsync(state);
    }

    /// <summary>Stops after the piece that is under way.</summary>
    public async Task StopAsync() => await (await ModuleAsync()).InvokeVoidAsync("stop");

    public async ValueTask DisposeAsync()
    {
        if (_module is null)
            return;
        try
        {
            await _module.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The page is gone, and the module with it.
            _module = null;
        }
    }

    private async Task SendAsync(UploadState state)
    {
        var job = state.Job;
        Sending = job.Id;
        try
        {
            var refused = await (await ModuleAsync()).InvokeAsync<string?>("send", $"{Routes.ModelJobs.TrimStart('/')}/{job.Id}/files", state.Received);
            jobs.Put(refused is null ? await api.AskAsync(job.Id, "finish") : await api.AskAsync(job.Id, "pause"));
            if (refused is { Length: > 0 })
                snackbar.Add(text["uploadBroke", job.Name, refused].Value, Severity.Error);
        }
        catch (ApiException error)
        {
            snackbar.Add(text["uploadBroke", job.Name, error.Message].Value, Severity.Error);
        }
        finally
        {
            Sending = null;
        }
    }

    private async Task<IJSObjectReference> ModuleAsync() => _module ??= await js.InvokeAsync<IJSObjectReference>("import", "./js/upload.js");
}
