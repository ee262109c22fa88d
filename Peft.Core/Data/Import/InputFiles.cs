using System.IO.Compression;
using System.Text;

namespace Peft.Core.Data.Import;

/// <summary>A file to import.</summary>
/// <param name="Name">Name for people, with its folder.</param>
/// <param name="Path">Where it lies.</param>
public sealed record InputFile(string Name, string Path);

/// <summary>
/// Finds the files to import: folders are walked, archives unpacked. Names inside archives are only shown, never used as paths, and what they
/// unpack to is counted while it is written, so that neither a path nor a bomb gets anywhere.
/// </summary>
public static class InputFiles
{
    private const int MostEntries = 10_000;
    private const int LargestRatio = 1000;
    private const int SmallEnough = 16 << 20;

    /// <summary>Expands folders and archives.</summary>
    /// <param name="inputs">Files and folders.</param>
    /// <param name="folder">Where archives may be unpacked; the caller deletes it.</param>
    /// <param name="largest">Most bytes that all archives together may unpack to.</param>
    /// <returns>The files in order of their names.</returns>
    /// <exception cref="PeftException">Nothing there, a damaged archive, or one that unpacks to too much.</exception>
    public static IReadOnlyList<InputFile> Expand(IEnumerable<InputFile> inputs, string folder, long largest)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var files = new List<InputFile>();
        var left = largest;
        foreach (var input in inputs)
        {
            if (Directory.Exists(input.Path))
            {
                var inside = Directory.EnumerateFiles(input.Path, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint });
                foreach (var path in inside.Order(StringComparer.Ordinal))
                    Add(new InputFile(Path.Combine(input.Name, Path.GetRelativePath(input.Path, path)).Replace('\\', '/'), path), files, folder, ref left);
            }
            else if (File.Exists(input.Path))
            {
                Add(input, files, folder, ref left);
            }
            else
            {
                throw new PeftException($"{input.Name}: there is no such file or folder.");
            }
        }

        return files;
    }

    private static void Add(InputFile file, List<InputFile> files, string folder, ref long left)
    {
        Span<byte> head = stackalloc byte[4];
        using (var stream = File.OpenRead(file.Path))
            head = head[..stream.ReadAtLeast(head, 4, throwOnEndOfStream: false)];
        if (head.StartsWith("PK\x03\x04"u8) || head.StartsWith("PK\x05\x06"u8))
            Unzip(file, files, folder, ref left);
        else if (head.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
            Gunzip(file, files, folder, ref left);
        else
            files.Add(file);
    }

    private static void Unzip(InputFile file, List<InputFile> files, string folder, ref long left)
    {
        try
        {
            using var archive = ZipFile.Open(file.Path, ZipArchiveMode.Read, Encoding.UTF8);
            if (archive.Entries.Count > MostEntries)
                throw new PeftException($"{file.Name}: the archive holds {archive.Entries.Count} files; at most {MostEntries} are unpacked.");
            if (archive.GetEntry("xl/workbook.xml") is not null)
            {
                // A workbook is an archive too: its parts are measured before anything reads them.
                foreach (var part in archive.Entries)
                    Measure(file, part, Stream.Null, ref left);
                files.Add(file);
                return;
            }

            foreach (var entry in archive.Entries.Where(entry => entry.Name.Length > 0 && !IsNoise(entry.FullName)).OrderBy(entry => entry.FullName, StringComparer.Ordinal))
            {
                Directory.CreateDirectory(folder);
                var path = Path.Combine(folder, Ulid.NewUlid().ToString());
                using (var target = File.Create(path))
                    Measure(file, entry, target, ref left);
                Nested(new InputFile($"{file.Name}/{Shown(entry.FullName)}", path), files);
            }
        }
        catch (InvalidDataException error)
        {
            throw new PeftException($"{file.Name}: the archive is damaged: {error.Message}", error);
        }
    }

    /// <summary>An archive inside an archive is not opened: that is how bombs are built.</summary>
    private static void Nested(InputFile file, List<InputFile> files) => files.Add(file);

    private static void Measure(InputFile file, ZipArchiveEntry entry, Stream target, ref long left)
    {
        using var source = entry.Open();
        Copy(source, target, entry.CompressedLength, $"{file.Name}/{Shown(entry.FullName)}", ref left);
    }

    private static void Gunzip(InputFile file, List<InputFile> files, string folder, ref long left)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, Ulid.NewUlid().ToString());
        try
        {
            using var source = new GZipStream(File.OpenRead(file.Path), CompressionMode.Decompress);
            using var target = File.Create(path);
            Copy(source, target, new FileInfo(file.Path).Length, file.Name, ref left);
        }
        catch (InvalidDataException error)
        {
            throw new PeftException($"{file.Name}: the archive is damaged: {error.Message}", error);
        }

        files.Add(new InputFile(file.Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? file.Name[..^3] : file.Name, path));
    }

    private static void Copy(Stream source, Stream target, long packed, string name, ref long left)
    {
        var buffer = new byte[1 << 16];
        long written = 0;
        int read;
        while ((read = source.Read(buffer)) > 0)
        {
            written += read;
            left -= read;
            if (left < 0)
                throw new PeftException($"{name}: the archive unpacks to more than is allowed. Unpack it yourself and import the files.");
            if (written > SmallEnough && written > Math.Max(1, packed) * LargestRatio)
                throw new PeftException($"{name}: the archive unpacks to more than {LargestRatio} times its size, as nothing honest does.");
            target.Write(buffer, 0, read);
        }
    }

    private static bool IsNoise(string name) => name.StartsWith("__MACOSX/", StringComparison.Ordinal) || Path.GetFileName(name) is ".DS_Store" or "Thumbs.db";

    /// <summary>A name from an archive, for people: no way up, no drive, no control characters.</summary>
    private static string Shown(string name) =>
        string.Join('/', name.Split('/', '\\').Where(part => part is not ("" or "." or "..")).Select(part => new string([.. part.Where(c => !char.IsControl(c))])));
}
