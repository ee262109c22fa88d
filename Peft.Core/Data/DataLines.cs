using System.Text.Json;

namespace Peft.Core.Data;

/// <summary>Goes through files with one JSON object a line without holding them.</summary>
internal static class DataLines
{
    private const int Piece = 1 << 18;

    /// <summary>Calls <paramref name="take"/> with every line that is not blank and its number, until it says false.</summary>
    /// <exception cref="PeftException">The file cannot be read.</exception>
    public static void ForEach(string path, Func<ReadOnlyMemory<byte>, int, bool> take, CancellationToken cancellation = default)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
            var buffer = new byte[Piece];
            var (filled, line, ended) = (0, 1, false);
            while (!ended)
            {
                cancellation.ThrowIfCancellationRequested();
                if (filled == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 2);
                var read = file.Read(buffer, filled, buffer.Length - filled);
                filled += read;
                ended = read == 0;
                var start = line == 1 && buffer.AsSpan(0, filled).StartsWith("\uFEFF"u8) ? 3 : 0;
                while (start < filled)
                {
                    var end = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
                    if (end < 0 && !ended)
                        break;
                    var text = buffer.AsMemory(start, end < 0 ? filled - start : end);
                    if (text.Span.IndexOfAnyExcept(" \t\r"u8) >= 0 && !take(text, line))
                        return;
                    start += text.Length + 1;
                    line++;
                }

                var rest = Math.Max(0, filled - start);
                buffer.AsSpan(Math.Min(start, filled), rest).CopyTo(buffer);
                filled = rest;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: the dataset file cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The first line that is not blank; empty when there is none.</summary>
    public static byte[] First(string path)
    {
        byte[] first = [];
        ForEach(path, (line, _) =>
        {
            first = line.ToArray();
            return false;
        });
        return first;
    }

    /// <summary>Whether a file's first line is a whole JSON object, and no SQuAD file, which is one object in all.</summary>
    public static bool HasOneRecordALine(string path)
    {
        var first = First(path);
        if (first.AsSpan().TrimStart(" \t"u8) is not [(byte)'{', ..])
            return false;
        try
        {
            using var document = JsonDocument.Parse(first);
            return !document.RootElement.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array;
        }
        catch (JsonException)
        {
            return false; // an object over several lines; another reader says what is wrong
        }
    }
}
