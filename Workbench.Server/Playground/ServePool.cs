using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using Peft.Core;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;

namespace Workbench.Server.Playground;

/// <summary>One answering process per base model: started by the first question; it ends by itself when nobody asks for a while, and the next question starts another.</summary>
internal sealed class ServePool : IAsyncDisposable
{
    private readonly WorkerLocator _worker;
    private readonly ILogger<ServePool> _log;
    private readonly int _idleMinutes;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Dictionary<string, Resident> _residents = new(StringComparer.Ordinal);
    private bool _disposed;

    public ServePool(WorkerLocator worker, IOptions<WorkbenchOptions> options, ILogger<ServePool> log) =>
        (_worker, _idleMinutes, _log) = (worker, options.Value.ServeIdleMinutes, log);

    /// <summary>Asks the process of a base; failures arrive as an answer of kind <c>error</c>.</summary>
    public async IAsyncEnumerable<ServeAnswer> AskAsync(string baseModel, ServeQuestion question, [EnumeratorCancellation] CancellationToken cancel)
    {
        Resident? resident = null;
        string? refusal = null;
        try
        {
            resident = await ResidentAsync(baseModel, cancel);
        }
        catch (PeftException e)
        {
            refusal = e.Message;
        }

        if (resident is null)
        {
            yield return new ServeAnswer { Id = question.Id, Kind = "error", Message = refusal };
            yield break;
        }

        await foreach (var answer in resident.Connection.AskAsync(question, cancel))
            yield return answer;
    }

    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            _disposed = true;
            foreach (var resident in _residents.Values)
                await resident.DisposeAsync();
            _residents.Clear();
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<Resident> ResidentAsync(string baseModel, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_residents.TryGetValue(baseModel, out var resident))
            {
                if (resident.Connection.IsAlive && !resident.Process.HasExited)
                    return resident;
                _log.LogInformation("The process that answers for {Base} has ended; starting another", baseModel);
                _residents.Remove(baseModel);
                await resident.DisposeAsync();
            }

            var started = await Resident.StartAsync(_worker, baseModel, _idleMinutes, cancel);
            _residents[baseModel] = started;
            return started;
        }
        finally
        {
            _gate.Release();
        }
    }

    private sealed class Resident(ServeProcess process, ServeConnection connection) : IAsyncDisposable
    {
        public ServeProcess Process { get; } = process;

        public ServeConnection Connection { get; } = connection;

        public static async Task<Resident> StartAsync(WorkerLocator worker, string baseModel, int idleMinutes, CancellationToken cancel)
        {
            var process = ServeProcess.Start(worker, baseModel, idleMinutes);
            try
            {
                var stream = await process.ConnectAsync(cancel);
                return new Resident(process, new ServeConnection(stream, process.LastWords));
            }
            catch
            {
                process.Dispose();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Connection.DisposeAsync();
            Process.Dispose();
        }
    }
}
