using System.Globalization;
using System.Text;

namespace Peft.Core.Serialization.Pickle;

/// <summary>Reads the operands of a pickle's opcodes; never beyond the stream's end, and allocates nothing that the stream is too short for.</summary>
/// <param name="stream">Positioned at the pickle's start.</param>
/// <param name="limit">Position in the stream where its bytes end.</param>
/// <param name="origin">Where the stream's position 0 stands in the file.</param>
/// <param name="where">File (and part of it) for messages.</param>
internal sealed class PickleStream(Stream stream, long limit, long origin, string where)
{
    /// <summary>Position in the file.</summary>
    public long Position => origin + stream.Position;

    public long Remaining => limit - stream.Position;

    public PeftException Refused(long at, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{where}, byte {at}: {what}"));

    public byte Byte()
    {
        Need(1);
        return (byte)stream.ReadByte();
    }

    public byte[] Bytes(long count)
    {
        Need(count);
        var bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public long Little(int bytes, bool signed = false)
    {
        Span<byte> read = stackalloc byte[8];
        Need(bytes);
        stream.ReadExactly(read[..bytes]);
        long value = 0;
        for (var i = bytes - 1; i >= 0; i--)
            value = (value << 8) | read[i];
        return signed && bytes < 8 && (read[bytes - 1] & 0x80) != 0 ? value - (1L << (8 * bytes)) : value;
    }

    public string Text(long count)
    {
        var at = Position;
        try
        {
            return s_utf8.GetString(Bytes(count));
        }
        catch (DecoderFallbackException)
        {
            throw Refused(at, "a text that is no valid UTF-8.");
        }
    }

    /// <summary>The rest of a line without its end.</summary>
    public string Line()
    {
        var at = Position;
        var bytes = new List<byte>();
        for (byte b; (b = Byte()) != '\n';)
        {
            bytes.Add(b);
            if (bytes.Count > LongestLine)
                throw Refused(at, $"a line of more than {LongestLine} bytes.");
        }

        return Encoding.Latin1.GetString([.. bytes]);
    }

    public long Whole(string text, long at) => long.TryParse(text.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw Refused(at, $"'{text}' where a whole number is expected.");

    private void Need(long count)
    {
        if (count < 0 || count > Remaining || count > Array.MaxLength)
            throw Refused(Position, string.Create(CultureInfo.InvariantCulture, $"truncated or damaged: {count:N0} more bytes are announced, {Math.Max(0, Remaining):N0} are left."));
    }

    private const int LongestLine = 4096;

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);
}
