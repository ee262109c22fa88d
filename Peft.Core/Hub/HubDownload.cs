using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Peft.Core.Hub;

/// <summary>
/// Brings files of one model into a folder, several at a time. A file that is on its way is called <c>….part</c>; it gets its name when size and
/// checksum agree with the listing. Whatever ends the download, the next one goes on where the parts end.
/// </summary>
public sealed class HubDownload
{
    private const string Part = ".part";
    private const int Attempts = 6;

    private readonly HubClient client;
    private readonly HubListing listing;
    private readonly IReadOnlyList<HubFile> files;
    private readonly string folder;
    private readonly TimeSpan pause;
    private long done;

    /// <summary>Prepares a download; nothing is fetched yet.</summary>
    /// <param name="client">The hub.</param>
    /// <param name="listing">The model at one commit.</param>
    /// <param name="files">Those of its files that are wanted.</param>
    /// <param name="folder">Where they go.</param>
    /// <param name="pause">Wait before the second attempt on a file whose connection broke; doubled each time. A second when null.</param>
    /// <exception cref="PeftException">A name cannot be a file's.</exception>
    public HubDownload(HubClient client, HubListing listing, IReadOnlyList<HubFile> files, string folder, TimeSpan? pause = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        (this.client, this.listing, this.files, this.folder, this.pause) = (client, listing, files, folder, pause ?? TimeSpan.FromSeconds(1));
        TotalBytes = files.Sum(file => file.Size);
        done = files.Sum(file => Math.Min(file.Size, Present(SafePath.Under(folder, file.Path))));
    }

    /// <summary>Bytes of all files.</summary>
    public long TotalBytes { get; }

    /// <summary>Bytes that are there.</summary>
    public long DoneBytes => Interlocked.Read(ref done);

    /// <summary>Downloads what is missing.</summary>
    /// <param name="parallel">Files at a time.</param>
    /// <param name="cancel">Stops; what has arrived stays.</param>
    /// <exception cref="HubException">A file could not be had; the message names it.</exception>
    public async Task RunAsync(int parallel, CancellationToken cancel)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancel };
        try
        {
            await Parallel.ForEachAsync(files, options, (file, stop) => new ValueTask(FetchAsync(file, stop))).ConfigureAwait(false);
        }
        catch (Exception error) when (Runs.AtomicFolder.IsRefusal(error))
        {
            throw new HubException(HubFailure.Disk, Runs.AtomicFolder.Refused(folder, error).Message, error);
        }
    }

    private async Task FetchAsync(HubFile file, CancellationToken cancel)
    {
        var target = SafePath.Under(folder, file.Path);
        if (File.Exists(target) && new FileInfo(target).Length == file.Size)
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        var secondTry = false;
        for (var attempt = 1; ; attempt++)
        {
            var before = Present(target);
            try
            {
                await FetchOnceAsync(file, target + Part, cancel).ConfigureAwait(false);
                File.Move(target + Part, target, overwrite: true);
                return;
            }
            catch (HubException broken) when (broken.Failure == HubFailure.Damaged && !secondTry)
            {
                // A proxy or a bad disk can spoil a part: once from the beginning, then it is the hub's content that is wrong.
                secondTry = true;
                Drop(target + Part);
            }
            catch (HubException broken) when (broken.Failure == HubFailure.Unreachable && attempt < Attempts)
            {
                if (Present(target) > before)
                    attempt = 1;
                await Task.Delay(pause * Math.Pow(2, attempt - 1), cancel).ConfigureAwait(false);
            }
        }
    }

    private async Task FetchOnceAsync(HubFile file, string part, CancellationToken cancel)
    {
        using var sum = new FileSum(file);
        await using var stream = new FileStream(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        if (stream.Length > file.Size)
            Cut(stream, 0);
        await sum.AddAsync(stream, cancel).ConfigureAwait(false);
        if (stream.Length < file.Size || file.Size == 0)
            await ReceiveAsync(file, stream, sum, cancel).ConfigureAwait(false);
        if (stream.Length != file.Size)
            throw new HubException(HubFailure.Unreachable, $"{file.Path}: the connection ended after {stream.Length:N0} of {file.Size:N0} bytes.");
        sum.Check();
        await stream.FlushAsync(cancel).ConfigureAwait(false);
        stream.Flush(flushToDisk: true);
    }

    private async Task ReceiveAsync(HubFile file, FileStream stream, FileSum sum, CancellationToken cancel)
    {
        using var content = await client.OpenAsync(listing, file.Path, stream.Length, cancel).ConfigureAwait(false);
        if (content.From == 0 && stream.Length > 0)
        {
            // No ranges there: what is here already comes again.
            Cut(stream, 0);
            sum.Restart();
        }

        var buffer = new byte[256 * 1024];
        while (await client.ReadAsync(content.Content, buffer, cancel).ConfigureAwait(false) is > 0 and var read)
        {
            if (stream.Length + read > file.Size)
                throw new HubException(HubFailure.Damaged, $"{file.Path}: more bytes arrive than the {file.Size:N0} that the listing names.");
            await stream.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
            sum.Add(buffer.AsSpan(0, read));
            Interlocked.Add(ref done, read);
        }
    }

    private void Cut(FileStream stream, long length)
    {
        Interlocked.Add(ref done, length - stream.Length);
        stream.SetLength(length);
        stream.Position = length;
    }

    private void Drop(string part)
    {
        Interlocked.Add(ref done, -Present(part[..^Part.Length]));
        File.Delete(part);
    }

    private static long Present(string target) =>
        File.Exists(target) ? new FileInfo(target).Length : File.Exists(target + Part) ? new FileInfo(target + Part).Length : 0;

    /// <summary>The running checksum of a file: SHA-256 where the listing has it, else Git's.</summary>
    private sealed class FileSum(HubFile file) : IDisposable
    {
        private readonly string? wanted = file.Sha256 ?? file.GitBlob;
        private readonly IncrementalHash hash = Begin(IncrementalHash.CreateHash(file.Sha256 is null ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256), file);

        public void Add(ReadOnlySpan<byte> bytes) => hash.AppendData(bytes);

        public void Restart()
        {
            hash.GetHashAndReset();
            Begin(hash, file);
        }

        /// <summary>What an earlier attempt left; the stream stands at its end afterwards.</summary>
        public async Task AddAsync(FileStream stream, CancellationToken cancel)
        {
            stream.Position = 0;
            var buffer = new byte[1 << 20];
            while (await stream.ReadAsync(buffer, cancel).ConfigureAwait(false) is > 0 and var read)
                Add(buffer.AsSpan(0, read));
        }

        public void Check()
        {
            var found = Convert.ToHexStringLower(hash.GetHashAndReset());
            if (wanted is not null && found != wanted)
                throw new HubException(HubFailure.Damaged, $"{file.Path}: its checksum is {found}, the hub's listing says {wanted}. What arrived is not what was published.");
        }

        public void Dispose() => hash.Dispose();

        /// <summary>Git hashes a line with kind and length before the content.</summary>
        private static IncrementalHash Begin(IncrementalHash hash, HubFile file)
        {
            if (file.Sha256 is null)
                hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
            return hash;
        }
    }
}
