using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Peft.Core.Serialization.Pickle;

/// <summary>One file inside a zip archive.</summary>
/// <param name="Name">Its path in the archive.</param>
/// <param name="Position">Where its bytes stand in the archive.</param>
/// <param name="Stored">How many they are.</param>
/// <param name="Size">How many they are when unpacked; the same when they are not packed.</param>
/// <param name="Packed">Whether they are deflated.</param>
internal sealed record ZipEntry(string Name, long Position, long Stored, long Size, bool Packed);

/// <summary>
/// Where the files of a zip archive stand, checked against its length. .NET's own reader does not say at which byte an entry's data
/// starts, which mapping them needs. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
/// </summary>
internal sealed class ZipDirectory
{
    private const int EndLength = 22;
    private const int LongestComment = ushort.MaxValue;
    private const int LargestFactor = 1032; // deflate packs no better

    private readonly string path;
    private readonly FileStream stream;

    private ZipDirectory(string path, FileStream stream) => (this.path, this.stream) = (path, stream);

    /// <summary>The files of an archive by name.</summary>
    /// <exception cref="PeftException">Truncated or damaged, or packed in a way that is not known.</exception>
    public static Dictionary<string, ZipEntry> Read(string path, FileStream stream) => new ZipDirectory(path, stream).Read();

    /// <summary>The bytes of an entry, unpacked if need be.</summary>
    public static byte[] Bytes(string path, FileStream stream, ZipEntry entry)
    {
        if (entry.Size > Array.MaxLength)
            throw new PeftException($"{path}: '{entry.Name}' is too large ({entry.Size:N0} bytes).");
        var bytes = new byte[entry.Size];
        stream.Position = entry.Position;
        if (!entry.Packed)
        {
            stream.ReadExactly(bytes);
            return bytes;
        }

        try
        {
            using var inflated = new DeflateStream(stream, CompressionMode.Decompress, leaveOpen: true);
            inflated.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw new PeftException($"{path}: '{entry.Name}' is damaged: it cannot be unpacked ({error.Message})", error);
        }
    }

    private Dictionary<string, ZipEntry> Read()
    {
        var (at, count, end) = FindDirectory();
        var entries = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        for (var i = 0L; i < count; i++)
        {
            var head = Bytes(at, 46, "the directory");
            if (BinaryPrimitives.ReadUInt32LittleEndian(head) != 0x02014b50)
                throw Damaged(at, "no entry of the directory where one is announced.");
            var (nameLength, extraLength, commentLength) = (Short(head, 28), Short(head, 30), Short(head, 32));
            var rest = Bytes(at + 46, nameLength + extraLength, "the directory");
            var entry = Entry(head, Encoding.UTF8.GetString(rest.AsSpan(0, nameLength)), rest.AsSpan(nameLength), at);
            if (!entries.TryAdd(entry.Name, entry))
                throw Damaged(at, $"'{entry.Name}' stands twice in the archive.");
            at += 46 + nameLength + extraLength + commentLength;
            if (at > end)
                throw Damaged(at, "the directory reaches beyond its end.");
        }

        return entries;
    }

    private ZipEntry Entry(byte[] head, string name, ReadOnlySpan<byte> extra, long at)
    {
        var (flags, method) = (Short(head, 8), Short(head, 10));
        long stored = Int(head, 20), size = Int(head, 24), local = Int(head, 42);
        for (var i = 0; i + 4 <= extra.Length;)
        {
            var (id, length) = (BinaryPrimitives.ReadUInt16LittleEndian(extra[i..]), BinaryPrimitives.ReadUInt16LittleEndian(extra[(i + 2)..]));
            var field = extra[(i + 4)..];
            if (length > field.Length)
                throw Damaged(at, $"'{name}' has a damaged extra field.");
            if (id == 1)
                Wide(field[..length], ref size, ref stored, ref local);
            i += 4 + length;
        }

        if ((flags & 1) != 0)
            throw Damaged(at, $"'{name}' is encrypted.");
        if (method is not (0 or 8))
            throw Damaged(at, string.Create(CultureInfo.InvariantCulture, $"'{name}' is packed by method {method}; stored (0) and deflated (8) are known."));
        var header = Bytes(local, 30, $"'{name}'");
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != 0x04034b50)
            throw Damaged(local, $"'{name}' does not stand where the directory says.");
        var position = local + 30 + Short(header, 26) + Short(header, 28);
        if (stored < 0 || size < 0 || position > stream.Length - stored)
            throw Damaged(local, $"truncated: '{name}' of {stored:N0} bytes reaches beyond the file's end.");
        if (method == 0 ? stored != size : size / LargestFactor > stored)
            throw Damaged(local, $"'{name}' cannot hold {size:N0} bytes in {stored:N0}.");
        return new ZipEntry(name, position, stored, size, method == 8);
    }

    /// <summary>Sizes that do not fit 32 bits stand in an extra field, in this order, each only if it is needed.</summary>
    private static void Wide(ReadOnlySpan<byte> field, ref long size, ref long stored, ref long local)
    {
        var at = 0;
        long Next(ReadOnlySpan<byte> from, long now)
        {
            if (now != uint.MaxValue || at + 8 > from.Length)
                return now;
            at += 8;
            return BinaryPrimitives.ReadInt64LittleEndian(from[(at - 8)..]);
        }

        size = Next(field, size);
        stored = Next(field, stored);
        local = Next(field, local);
    }

    private (long At, long Count, long End) FindDirectory()
    {
        var tail = (int)Math.Min(stream.Length, EndLength + LongestComment);
        var bytes = Bytes(stream.Length - tail, tail, "the end");
        for (var i = tail - EndLength; i >= 0; i--)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i)) != 0x06054b50)
                continue;
            var end = stream.Length - tail + i;
            long count = Short(bytes, i + 10), length = Int(bytes, i + 12), at = Int(bytes, i + 16);
            if (count == ushort.MaxValue || length == uint.MaxValue || at == uint.MaxValue)
                (count, length, at, end) = Wide(end);
            if (at < 0 || length < 0 || at > end - length || count < 0 || count > length / 46)
                throw Damaged(end, "its directory would lie outside of the file.");
            return (at, count, at + length);
        }

        throw new PeftException($"{path}: truncated or damaged: the zip archive has no directory at its end.");
    }

    private (long Count, long Length, long At, long End) Wide(long end)
    {
        var locator = Bytes(end - 20, 20, "the end");
        if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != 0x07064b50)
            throw Damaged(end, "its large directory is missing.");
        var at = BinaryPrimitives.ReadInt64LittleEndian(locator.AsSpan(8));
        var record = Bytes(at, 56, "the end");
        if (BinaryPrimitives.ReadUInt32LittleEndian(record) != 0x06064b50)
            throw Damaged(at, "its large directory does not stand where the file says.");
        return (
            BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(32)),
            BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(40)),
            BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(48)),
            at);
    }

    private byte[] Bytes(long at, int count, string what)
    {
        if (at < 0 || at > stream.Length - count)
            throw Damaged(at, $"truncated: {what} lies beyond the file's end.");
        var bytes = new byte[count];
        stream.Position = at;
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static int Short(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static long Int(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private PeftException Damaged(long at, string what) => new(string.Create(CultureInfo.InvariantCulture, $"{path}, byte {at}: {what}"));
}
