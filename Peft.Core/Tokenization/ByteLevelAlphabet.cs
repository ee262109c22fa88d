namespace Peft.Core.Tokenization;

/// <summary>
/// The printable stand-ins of the 256 bytes in byte-level vocabularies: printable Latin-1 characters stand for themselves, the others for
/// U+0100 onwards in order. Source: GPT-2's <c>bytes_to_unicode</c>.
/// </summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] s_toChar = new char[256];
    private static readonly Dictionary<char, byte> s_toByte = new(256);

    static ByteLevelAlphabet()
    {
        var next = 0x100;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
            s_toChar[value] = printable ? (char)value : (char)next++;
            s_toByte[s_toChar[value]] = (byte)value;
        }
    }

    /// <summary>The character that stands for a byte.</summary>
    public static char Character(byte value) => s_toChar[value];

    /// <summary>The bytes that a vocabulary entry stands for; null when it holds a character outside the alphabet.</summary>
    public static byte[]? Bytes(string entry)
    {
        var bytes = new byte[entry.Length];
        for (var i = 0; i < entry.Length; i++)
        {
            if (!s_toByte.TryGetValue(entry[i], out bytes[i]))
                return null;
        }

        return bytes;
    }
}
