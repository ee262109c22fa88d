using System.Globalization;
using Peft.Core;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Datasets.Import;

/// <summary>
/// Files on their way to an import. They come in pieces, each where the last one ended, so that a lost connection costs one piece; they lie
/// under numbers, whatever they are called, and go after a day.
/// </summary>
internal sealed class ImportUploads(DataDirectory data, TimeProvider time)
{
    private const int MostFiles = 20_000;
    private static readonly TimeSpan s_kept = TimeSpan.FromDays(1);
    private readonly Lock _names = new();

    private string Root => Path.Combine(data.Datasets, ".incoming");

    /// <summary>A place for files; old ones are cleared away.</summary>
    public ImportUpload Create()
    {
        Directory.CreateDirectory(Root);
        foreach (var old in new DirectoryInfo(Root).EnumerateDirectories().Where(folder => folder.CreationTimeUtc + s_kept < time.GetUtcNow().UtcDateTime))
            old.Delete(recursive: true);
        var id = Ulid.NewUlid().ToString();
        Directory.CreateDirectory(Path.Combine(Root, id));
        return new ImportUpload(id, []);
    }

    /// <summary>What is here; null when there is no such upload.</summary>
    public ImportUpload? Find(string id) => Folder(id) is { } folder
        ? new ImportUpload(id, [.. Names(folder).Select((name, i) => new ReceivedFile(name, Length(folder, i)))])
        : null;

    /// <summary>Takes a piece of a file. A piece that does not begin where the file ends is not taken; the answer says where it ends.</summary>
    public async Task<ReceivedFile?> ReceiveAsync(string id, string name, long offset, Stream body, CancellationToken cancel)
    {
        if (Folder(id) is not { } folder)
            return null;
        await using var target = new FileStream(FilePath(folder, Number(folder, name)), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        if (target.Length == offset)
        {
            target.Seek(0, SeekOrigin.End);
            await body.CopyToAsync(target, cancel);
        }

        return new ReceivedFile(name, target.Length);
    }

    /// <summary>A text as the only file of an upload.</summary>
    public async Task<string> PutTextAsync(string name, string text, CancellationToken cancel)
    {
        var upload = Create();
        await using var body = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text));
        await ReceiveAsync(upload.Id, name, 0, body, cancel);
        return upload.Id;
    }

    /// <summary>The files of an upload, archives unpacked.</summary>
    /// <exception cref="PeftException">There is no such upload, or an archive cannot be unpacked.</exception>
    public IReadOnlyList<InputFile> Files(string id)
    {
        var folder = Folder(id) ?? throw new PeftException("The files of this import are no longer here. Choose them again.");
        var unpacked = Path.Combine(folder, "unpacked");
        if (Directory.Exists(unpacked))
            Directory.Delete(unpacked, recursive: true);
        return InputFiles.Expand(Names(folder).Select((name, i) => new InputFile(name, FilePath(folder, i))), unpacked, new ImportOptions().LargestUnpacked);
    }

    public void Delete(string id)
    {
        if (Folder(id) is { } folder)
            Directory.Delete(folder, recursive: true);
    }

    private string? Folder(string id) => Ulid.TryParse(id, out var parsed) && Path.Combine(Root, parsed.ToString()) is var folder && Directory.Exists(folder) ? folder : null;

    private static string FilePath(string folder, int number) => Path.Combine(folder, number.ToString(CultureInfo.InvariantCulture));

    private static long Length(string folder, int number) => new FileInfo(FilePath(folder, number)) is { Exists: true } file ? file.Length : 0;

    private static string[] Names(string folder) => File.Exists(Path.Combine(folder, "names")) ? File.ReadAllLines(Path.Combine(folder, "names")) : [];

    private int Number(string folder, string name)
    {
        var shown = new string([.. name.Where(c => !char.IsControl(c))]);
        lock (_names)
        {
            var names = Names(folder);
            if (Array.IndexOf(names, shown) is >= 0 and var known)
                return known;
            if (names.Length >= MostFiles)
                throw new PeftException($"An import takes at most {MostFiles} files; put them into an archive.");
            File.AppendAllText(Path.Combine(folder, "names"), shown + "\n");
            return names.Length;
        }
    }
}
