using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Tests.Robustness;

/// <summary>Damages files the way disks, downloads and people who mean harm do: flipped bits, cut ends, lying lengths, huge counts.</summary>
internal sealed partial class Mutator(int seed)
{
    private static readonly ulong[] s_extremes =
    [
        0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, ulong.MaxValue, ulong.MaxValue - 1, 1UL << 40,
    ];

    private static readonly string[] s_words = ["null", "true", "-1", "0", "1e999", "1e30", "0.5", "2147483647", "9223372036854775807", "99999999999999999999", "\"\"", "\"\\uD800\"", "[]", "{}", "[[[[1]]]]", "\"llama\""];

    private readonly Random random = new(seed);

    /// <summary>A damaged copy.</summary>
    /// <param name="original">The file.</param>
    /// <param name="head">How many bytes in front describe the rest; most damage goes there.</param>
    public byte[] Mutate(byte[] original, int head)
    {
        var bytes = (byte[])original.Clone();
        for (var times = random.Next(1, 4); times > 0 && bytes.Length > 0; times--)
            bytes = Once(bytes, Math.Min(head, bytes.Length));
        return bytes;
    }

    /// <summary>A damaged copy of a text of JSON.</summary>
    public byte[] MutateJson(byte[] original)
    {
        if (random.Next(3) == 0)
            return Mutate(original, original.Length);
        var text = Encoding.UTF8.GetString(original);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var values = JsonValue().Matches(text);
            if (values.Count == 0)
                break;
            var one = values[random.Next(values.Count)];
            var word = random.Next(3) == 0 ? random.NextInt64().ToString(CultureInfo.InvariantCulture) : s_words[random.Next(s_words.Length)];
            text = text[..one.Index] + word + text[(one.Index + one.Length)..];
        }

        return Encoding.UTF8.GetBytes(text);
    }

    private byte[] Once(byte[] bytes, int head)
    {
        var at = random.Next(10) < 8 ? random.Next(head) : random.Next(bytes.Length);
        switch (random.Next(6))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2:
                return bytes[..random.Next(bytes.Length)];
            case 3:
                var width = 1 << random.Next(1, 4);
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, s_extremes[random.Next(s_extremes.Length)]);
                number[..Math.Min(width, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
                return bytes;
            case 4:
                var cut = Math.Min(random.Next(1, 64), bytes.Length - at);
                return [.. bytes[..at], .. bytes[(at + cut)..]];
            default:
                var from = random.Next(bytes.Length);
                var length = Math.Min(random.Next(1, 256), bytes.Length - from);
                return [.. bytes[..at], .. bytes.AsSpan(from, length), .. bytes[at..]];
        }
    }

    [GeneratedRegex(@"(?<=:\s*)(-?[0-9][0-9.eE+-]*|true|false|null|""[^""]*"")", RegexOptions.CultureInvariant)]
    private static partial Regex JsonValue();
}
