using System.Text.Json;

namespace Peft.Core.Runs;

/// <summary>Finds the last whole event of a log without reading all of it.</summary>
internal static class EventLogTail
{
    /// <summary>Position after the last line that is complete and readable, and its event (null in an empty log).</summary>
    /// <remarks>
    /// A process that dies leaves at most an unfinished line; a machine that loses power may leave blocks of zeros, which end in no
    /// newline or make a line unreadable. Both are behind the returned position.
    /// </remarks>
    public static (long End, RunEvent? Last) Find(FileStream file)
    {
        var length = file.Length;
        for (long window = 64 * 1024; ; window *= 4)
        {
            var start = Math.Max(0, length - window);
            var bytes = new byte[length - start];
            file.Position = start;
            file.ReadExactly(bytes);

            var end = bytes.Length;
            while (end > 0)
            {
                var newline = bytes.AsSpan(0, end).LastIndexOf((byte)'\n');
                if (newline < 0)
                    break;
                var before = bytes.AsSpan(0, newline).LastIndexOf((byte)'\n');
                if (before < 0 && start > 0)
                    break;
                if (TryRead(bytes.AsSpan(before + 1, newline - before - 1)) is { } last)
                    return (start + newline + 1, last);
                end = before + 1;
            }

            if (start == 0)
                return (0, null);
        }
    }

    private static RunEvent? TryRead(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<RunEvent>(line, RunRequest.Json);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }
}
