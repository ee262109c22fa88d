using System.Collections.Concurrent;
using Peft.Core;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>Imports that run. One that is ended by a person, or with the server, leaves the dataset as it was.</summary>
internal sealed class ImportJobs(DatasetStore store, DatasetImporter importer, ImportUploads uploads, ILogger<ImportJobs> log)
{
    private readonly ConcurrentDictionary<string, Running> _jobs = new(StringComparer.Ordinal);

    /// <summary>Begins an import of uploaded files.</summary>
    /// <exception cref="PeftException">The files are not here.</exception>
    public ImportJob Start(string dataset, ImportText order)
    {
        var upload = order.Upload ?? throw new PeftException("The files of this import are no longer here. Choose them again.");
        var running = new Running(Ulid.NewUlid().ToString(), uploads.Files(upload).Sum(file => new FileInfo(file.Path).Length));
        _jobs[running.Id] = running;
        _ = Task.Run(() => RunAsync(running, dataset, order));
        return Describe(running);
    }

    public ImportJob? Find(string id) => _jobs.TryGetValue(id, out var running) ? Describe(running) : null;

    public ImportJob? Cancel(string id)
    {
        if (!_jobs.TryGetValue(id, out var running))
            return null;
        running.Cancel.Cancel();
        return Describe(running);
    }

    private async Task RunAsync(Running running, string dataset, ImportText order)
    {
        try
        {
            var report = importer.Import(store.File(dataset), uploads.Files(order.Upload!), order.Choices ?? new(), order.Split, commit: true, running.Progress, running.Cancel.Token);
            if (report.Committed)
            {
                await store.RefreshAsync(dataset, CancellationToken.None);
                uploads.Delete(order.Upload!);
            }

            running.Report = report;
        }
        catch (OperationCanceledException)
        {
            running.Error = "The import was ended; the dataset is as it was.";
        }
        catch (PeftException error)
        {
            running.Error = error.Message;
        }
        catch (Exception error) when (error is IOException or Microsoft.Data.Sqlite.SqliteException or UnauthorizedAccessException or InvalidOperationException)
        {
            log.LogError(error, "Import into dataset {Dataset} failed", dataset);
            running.Error = $"The import failed, and the dataset is as it was: {error.Message}";
        }
        finally
        {
            running.IsEnded = true;
        }
    }

    private static ImportJob Describe(Running running) => new(
        running.Id, running.Progress.Rows, running.IsEnded ? 1 : Math.Min(0.99, running.Progress.Bytes / (double)Math.Max(1, running.Bytes)), running.IsEnded, running.Report, running.Error);

    private sealed class Running(string id, long bytes)
    {
        private volatile bool _isEnded;

        public string Id { get; } = id;

        public long Bytes { get; } = bytes;

        public ImportProgress Progress { get; } = new();

        public CancellationTokenSource Cancel { get; } = new();

        public bool IsEnded
        {
            get => _isEnded;
            set => _isEnded = value;
        }

        public ImportReport? Report { get; set; }

        public string? Error { get; set; }
    }
}
