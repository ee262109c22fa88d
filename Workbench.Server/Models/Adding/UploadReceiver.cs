using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;

namespace Workbench.Server.Models.Adding;

/// <summary>Takes the pieces of an upload, each where the last one ended, so that a broken connection costs one piece at most.</summary>
internal sealed class UploadReceiver(ModelJobs jobs)
{
    private const string Part = ".part";

    /// <summary>How much of each file is here.</summary>
    public static UploadState State(LiveModelJob job) =>
        new(job.Shown(), [.. job.File.Files.Select(file => new ModelFile(file.Path, job.Received(file)))]);

    /// <summary>Appends a piece. The answer is how much of the file is here; a piece that does not begin there is not taken.</summary>
    /// <exception cref="PeftException">No such file, more bytes than announced, or the upload has ended.</exception>
    public async Task<ModelFile> PutAsync(LiveModelJob job, string path, long offset, Stream body, CancellationToken cancel)
    {
        var file = job.File.Files.FirstOrDefault(known => known.Path == path) ?? throw new PeftException($"'{path}' is none of the files that were announced.");
        await job.Gate.WaitAsync(cancel);
        try
        {
            if (job.File.Kind != ModelJobKind.Upload || job.File.State is not (ModelJobState.Running or ModelJobState.Paused))
                throw new PeftException("This upload has ended.");
            if (job.File.State == ModelJobState.Paused)
                job.Turn(ModelJobState.Running);
            var here = job.Received(file);
            if (offset != here || (here == file.Size && file.Size > 0))
                return new ModelFile(path, here);
            var target = SafePath.Under(job.Files, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            var length = await AppendAsync(file, target, body, cancel);
            if (length == file.Size)
                File.Move(target + Part, target);
            return new ModelFile(path, length);
        }
        finally
        {
            job.Gate.Release();
            await jobs.AnnounceAsync(job);
        }
    }

    private static async Task<long> AppendAsync(HubFile file, string target, Stream body, CancellationToken cancel)
    {
        await using var stream = new FileStream(target + Part, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        var buffer = new byte[256 * 1024];
        while (await body.ReadAsync(buffer, cancel) is > 0 and var read)
        {
            if (stream.Position + read > file.Size)
                throw new PeftException($"'{file.Path}': more bytes arrive than the {file.Size:N0} that were announced. Did the file change? Begin again.");
            await stream.WriteAsync(buffer.AsMemory(0, read), cancel);
        }

        if (stream.Position == file.Size)
            stream.Flush(flushToDisk: true);
        return stream.Position;
    }
}
