using System.IO.Compression;
using Peft.Core;
using Peft.Core.Hub;
using Peft.Core.Methods;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Adapters;

/// <summary>Takes an adapter that comes from elsewhere: a zip, or the files of a folder. Only what an adapter is made of is kept; weights are never unpickled.</summary>
internal sealed class AdapterImport(AdapterStore store, DataDirectory data)
{
    /// <summary>Largest upload.</summary>
    public const long Largest = 8L << 30;

    /// <summary>A zip ends with a record of this many bytes.</summary>
    private const int SmallestZip = 22;
    private const int MostFiles = 64;
    private static readonly string[] s_endings = [".safetensors", ".bin", ".json", ".md", ".txt", ".model"];

    /// <summary>Imports what a form sent.</summary>
    /// <returns>The new adapter's id.</returns>
    /// <exception cref="PeftException">No adapter, or one that cannot be read.</exception>
    public async Task<string> ReadAsync(IFormFileCollection files, string name, string? modelId, CancellationToken cancel)
    {
        var folder = Path.Combine(data.AdapterWork, Ulid.NewUlid().ToString());
        Directory.CreateDirectory(folder);
        try
        {
            if (files.Count == 1 && files[0].FileName.EndsWith(".zip", StringComparison.OrdinalIgnoreCase))
                await UnpackCheckedAsync(files[0], folder, cancel);
            else
                await CopyAsync(files, folder, cancel);
            var config = Check(folder);
            var title = name.Trim() is { Length: > 0 } given ? given : Path.GetFileNameWithoutExtension(files[0].FileName.Split('/', '\\')[0]) is { Length: > 0 } first ? first : config.PeftType;
            return store.Add(folder, title.Length > 200 ? title[..200] : title, AdapterSource.Imported, modelId, null);
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }

    private static PeftConfig Check(string folder)
    {
        try
        {
            var config = PeftConfig.Load(folder);
            using var weights = AdapterComparison.Open(folder);
            return config;
        }
        catch (PeftException refused)
        {
            throw new PeftException(AdapterInspector.Cleaned(refused.Message, folder), refused);
        }
    }

    private static async Task UnpackCheckedAsync(IFormFile file, string folder, CancellationToken cancel)
    {
        var refusal = $"'{file.FileName}' is no zip file, or a damaged one.";
        if (file.Length < SmallestZip)
            throw new PeftException(refusal);
        try
        {
            await UnpackAsync(file, folder, cancel);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or EndOfStreamException)
        {
            throw new PeftException(refusal, damaged);
        }
    }

    private static async Task UnpackAsync(IFormFile file, string folder, CancellationToken cancel)
    {
        await using var stream = file.OpenReadStream();
        await using var archive = await ZipArchive.CreateAsync(stream, ZipArchiveMode.Read, leaveOpen: false, entryNameEncoding: null, cancel);

        // What is kept lies beside adapter_config.json; a zip usually has one folder at its top.
        var config = archive.Entries.Where(entry => entry.Name == PeftConfig.FileName).OrderBy(entry => entry.FullName.Length).FirstOrDefault()
            ?? throw new PeftException($"There is no {PeftConfig.FileName} in '{file.FileName}'. An adapter is a folder with {PeftConfig.FileName} and its weights.");
        var root = config.FullName[..^config.Name.Length];
        var kept = archive.Entries.Where(entry => entry.FullName == root + entry.Name && IsKept(entry.Name)).ToArray();
        Limit(kept.Length, kept.Sum(entry => entry.Length));
        foreach (var entry in kept)
        {
            await using var source = await entry.OpenAsync(cancel);
            await SaveAsync(source, SafePath.Under(folder, entry.Name), entry.Length, cancel);
        }
    }

    private static async Task CopyAsync(IFormFileCollection files, string folder, CancellationToken cancel)
    {
        var config = files.Where(file => NameOf(file) == PeftConfig.FileName).OrderBy(file => file.FileName.Length).FirstOrDefault()
            ?? throw new PeftException($"There is no {PeftConfig.FileName} among the files. Choose the folder that holds it, or a zip of that folder.");
        var root = config.FileName[..^PeftConfig.FileName.Length];
        var kept = files.Where(file => file.FileName == root + NameOf(file) && IsKept(NameOf(file))).ToArray();
        Limit(kept.Length, kept.Sum(file => file.Length));
        foreach (var file in kept)
        {
            await using var source = file.OpenReadStream();
            await SaveAsync(source, SafePath.Under(folder, NameOf(file)), file.Length, cancel);
        }
    }

    private static string NameOf(IFormFile file) => file.FileName.Split('/', '\\')[^1];

    private static bool IsKept(string name) => s_endings.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    private static void Limit(int count, long bytes)
    {
        if (count > MostFiles || bytes > Largest)
            throw new PeftException($"This is no adapter: {count} files with {bytes >> 20} MiB. At most {MostFiles} files and {Largest >> 30} GiB are taken.");
    }

    /// <summary>What a zip says about a file's length need not be true: no more than that is written.</summary>
    private static async Task SaveAsync(Stream source, string path, long length, CancellationToken cancel)
    {
        await using var target = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16, useAsync: true);
        var buffer = new byte[1 << 16];
        var written = 0L;
        for (var read = await source.ReadAsync(buffer, cancel); read > 0; read = await source.ReadAsync(buffer, cancel))
        {
            written += read;
            if (written > length)
                throw new PeftException($"'{Path.GetFileName(path)}' is longer than the zip says; it is damaged.");
            await target.WriteAsync(buffer.AsMemory(0, read), cancel);
        }
    }
}
