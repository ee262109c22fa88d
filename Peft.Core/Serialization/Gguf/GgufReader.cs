using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Peft.Core.Serialization.Gguf;

/// <summary>Reads the fields of a GGUF file in order; never beyond its end, and allocates nothing that the file is too short for.</summary>
internal sealed class GgufReader(string path, Stream stream, long length)
{
    private const int LongestName = 1 << 16;
    private const int ListType = 9;

    public long Position => stream.Position;

    public long Remaining => length - stream.Position;

    public PeftException Damaged(string what) => new(string.Create(CultureInfo.InvariantCulture, $"{path}, byte {stream.Position}: {what}"));

    public uint Word()
    {
        Span<byte> bytes = stackalloc byte[4];
        Fill(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    /// <summary>A 64-bit size.</summary>
    public long Size(string what)
    {
        Span<byte> bytes = stackalloc byte[8];
        Fill(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes) is >= 0 and var value ? value : throw Damaged($"{what} is impossibly large.");
    }

    /// <summary>How many of something follow that take so many bytes each, at least.</summary>
    public int Count(string what, int bytesEach)
    {
        var count = Size(what);
        return count <= Remaining / bytesEach && count <= Array.MaxLength
            ? (int)count
            : throw Damaged(string.Create(CultureInfo.InvariantCulture, $"truncated or damaged: {what} is {count:N0}, but only {Remaining:N0} bytes are left."));
    }

    public string Name(string what) => Text(what) is { Length: <= LongestName } name ? name : throw Damaged($"{what} is longer than {LongestName} characters.");

    public string Text(string what)
    {
        var bytes = new byte[Count($"the length of {what}", 1)];
        Fill(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>A value of metadata: long, double, bool or string, or an array of long, int, double, float, bool or string.</summary>
    public object Value(string key)
    {
        var type = Word();
        return type == ListType ? List(key) : Single(type, key);
    }

    private object Single(uint type, string key)
    {
        Span<byte> bytes = stackalloc byte[8];
        if (type == 8)
            return Text($"'{key}'");
        if (Width(type) is not { } width)
            throw Damaged($"'{key}' is of a type ({type}) that is not known.");
        Fill(bytes[..width]);
        return type switch
        {
            0 => (long)bytes[0],
            1 => (long)(sbyte)bytes[0],
            2 => (long)BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            3 => (long)BinaryPrimitives.ReadInt16LittleEndian(bytes),
            4 => (long)BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            5 => (long)BinaryPrimitives.ReadInt32LittleEndian(bytes),
            6 => (double)BinaryPrimitives.ReadSingleLittleEndian(bytes),
            7 => bytes[0] != 0,
            12 => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
    }

    private Array List(string key)
    {
        var type = Word();
        if (type == 8)
        {
            var texts = new string[Count($"the number of entries of '{key}'", 8)];
            for (var i = 0; i < texts.Length; i++)
                texts[i] = Text($"entry {i} of '{key}'");
            return texts;
        }

        if (Width(type) is not { } width)
            throw Damaged(type == ListType ? $"'{key}' is a list of lists, which is not supported." : $"'{key}' is a list of a type ({type}) that is not known.");
        var count = Count($"the number of entries of '{key}'", width);
        return type switch
        {
            6 => Numbers(count, key, type, value => (float)(double)value),
            12 => Numbers(count, key, type, value => (double)value),
            7 => Numbers(count, key, type, value => (bool)value),
            10 or 11 => Numbers(count, key, type, value => (long)value),
            _ => Numbers(count, key, type, value => (int)(long)value), // an unsigned 32-bit number of a list never needs its top bit
        };
    }

    private T[] Numbers<T>(int count, string key, uint type, Func<object, T> convert)
    {
        var numbers = new T[count];
        for (var i = 0; i < count; i++)
            numbers[i] = convert(Single(type, key));
        return numbers;
    }

    private static int? Width(uint type) => type switch
    {
        0 or 1 or 7 => 1,
        2 or 3 => 2,
        4 or 5 or 6 => 4,
        10 or 11 or 12 => 8,
        _ => null,
    };

    private void Fill(Span<byte> bytes)
    {
        if (bytes.Length > Remaining)
            throw Damaged(string.Create(CultureInfo.InvariantCulture, $"truncated: {bytes.Length:N0} more bytes are expected, {Remaining:N0} are left."));
        stream.ReadExactly(bytes);
    }
}
