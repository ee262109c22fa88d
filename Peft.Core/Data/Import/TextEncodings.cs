using System.Text;
using System.Text.Unicode;

namespace Peft.Core.Data.Import;

/// <summary>How a file's bytes become text.</summary>
/// <param name="Name">Name of the encoding, e.g. <c>utf-8</c> or <c>gb18030</c>.</param>
/// <param name="HasMark">Whether the file begins with a byte order mark.</param>
/// <param name="IsCertain">False when bytes alone do not prove it.</param>
public sealed record FileEncoding(string Name, bool HasMark, bool IsCertain);

/// <summary>Finds out and applies encodings. What is not UTF-8 or UTF-16 and reads as plausible Chinese is taken for GB18030, which holds GBK.</summary>
public static class TextEncodings
{
    private const int Block = 1 << 20;

    static TextEncodings() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <summary>Encodings that a person may choose.</summary>
    public static IReadOnlyList<string> Names { get; } = ["utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5", "shift_jis", "euc-kr", "windows-1252"];

    /// <summary>Finds out the encoding of a file by reading all of it.</summary>
    /// <exception cref="PeftException">It is none of those that are recognised.</exception>
    public static FileEncoding Detect(string path, string label)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Block, FileOptions.SequentialScan);
        var head = new byte[Block];
        var read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var first = head.AsSpan(0, read);
        if (first.StartsWith(Encoding.UTF8.Preamble))
            return new FileEncoding("utf-8", true, true);
        if (first.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]))
            return new FileEncoding("utf-16-le", true, true);
        if (first.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
            return new FileEncoding("utf-16-be", true, true);
        if (WithoutMark(first) is { } wide)
            return new FileEncoding(wide, false, false);
        stream.Position = 0;
        if (IsUtf8(stream))
            return new FileEncoding("utf-8", false, true);
        if (IsPlausible(first, Encoding.GetEncoding("gb18030"), whole: read < Block))
            return new FileEncoding("gb18030", false, false);

        // A few broken bytes in a file that otherwise is UTF-8 are broken rows, not another encoding.
        if (MostlyUtf8(first))
            return new FileEncoding("utf-8", false, false);
        throw new PeftException($"{label}: the encoding is not recognised: it is neither UTF-8 nor UTF-16 nor GB18030. Choose one of {string.Join(", ", Names)}.");
    }

    /// <summary>The encoding of a name, with replacement characters for what cannot be read.</summary>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static Encoding Get(string name)
    {
        try
        {
            return name.ToLowerInvariant() switch
            {
                "utf-8" or "utf8" => new UTF8Encoding(false),
                "utf-16" or "utf-16-le" or "utf-16le" => Encoding.Unicode,
                "utf-16-be" or "utf-16be" => Encoding.BigEndianUnicode,
                "gbk" or "gb2312" or "cp936" or "gb18030" => Encoding.GetEncoding("gb18030"),
                _ => Encoding.GetEncoding(name),
            };
        }
        catch (ArgumentException)
        {
            throw new PeftException($"Encoding '{name}' is not known; use one of {string.Join(", ", Names)}.");
        }
    }

    /// <summary>Opens a file as UTF-8 bytes, behind its byte order mark.</summary>
    public static Stream OpenUtf8(string path, string encoding)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Block, FileOptions.SequentialScan);
        var found = Get(encoding);
        var mark = found is UTF8Encoding ? Encoding.UTF8.Preamble : found.Preamble;
        if (mark.Length > 0)
        {
            Span<byte> first = stackalloc byte[4];
            var read = stream.ReadAtLeast(first[..mark.Length], mark.Length, throwOnEndOfStream: false);
            if (read < mark.Length || !first[..mark.Length].SequenceEqual(mark))
                stream.Position = 0;
        }

        return found is UTF8Encoding ? stream : Encoding.CreateTranscodingStream(stream, found, new UTF8Encoding(false), leaveOpen: false);
    }

    private static string? WithoutMark(ReadOnlySpan<byte> bytes)
    {
        // ASCII letters, digits and line ends in UTF-16 have a zero byte on one side and hardly ever on the other.
        var (even, odd) = (0, 0);
        var end = Math.Min(bytes.Length, 4096) & ~1;
        for (var i = 0; i < end; i += 2)
        {
            even += bytes[i] == 0 ? 1 : 0;
            odd += bytes[i + 1] == 0 ? 1 : 0;
        }

        var least = Math.Max(1, end / 40);
        return odd >= least && even * 8 < odd ? "utf-16-le" : even >= least && odd * 8 < even ? "utf-16-be" : null;
    }

    private static bool IsUtf8(Stream stream)
    {
        var buffer = new byte[Block];
        var kept = 0;
        while (true)
        {
            var read = stream.Read(buffer, kept, buffer.Length - kept);
            if (read == 0)
                return kept == 0 || Utf8.IsValid(buffer.AsSpan(0, kept));
            var all = buffer.AsSpan(0, kept + read);
            var end = WholeCharacters(all);
            if (!Utf8.IsValid(all[..end]))
                return false;
            all[end..].CopyTo(buffer);
            kept = all.Length - end;
        }
    }

    /// <summary>Where the last character that may go on in the next block begins.</summary>
    private static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            var one = bytes[^back];
            if (one < 0x80)
                break;
            if (one >= 0xC0)
                return (one >= 0xF0 ? 4 : one >= 0xE0 ? 3 : 2) > back ? bytes.Length - back : bytes.Length;
        }

        return bytes.Length;
    }

    private static bool MostlyUtf8(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        return text.Count(c => c == '\uFFFD') * 20 < text.Count(c => c > 0x7F) || text.Count(c => c == '\uFFFD') * 1000 < text.Length;
    }

    private static bool IsPlausible(ReadOnlySpan<byte> bytes, Encoding encoding, bool whole)
    {
        var text = encoding.GetString(bytes);
        var broken = text.Count(c => c == '\uFFFD');
        if (broken > (whole ? 0 : 1))
            return false;
        var beyond = text.Count(c => c > 0x7F);
        var common = text.Count(c => c is (>= '\u4E00' and <= '\u9FA5') or (>= '\u3000' and <= '\u303F') or (>= '\uFF00' and <= '\uFFEF') or (>= '\u2000' and <= '\u206F'));
        return beyond > 0 && common * 10 >= beyond * 8;
    }
}
