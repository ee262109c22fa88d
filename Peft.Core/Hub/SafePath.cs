namespace Peft.Core.Hub;

/// <summary>Names of files that come from elsewhere (a hub's listing, an upload) and become paths on this machine.</summary>
public static class SafePath
{
    private const int DeepestFolder = 4;

    /// <summary>Why a relative path may not be used; null when it may. It may hold folders, separated by slashes.</summary>
    public static string? Refusal(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var shown = new string([.. path.Take(120).Select(c => char.IsControl(c) ? '?' : c)]);
        if (path.Length is 0 or > 400)
            return $"'{shown}' is no name of a file: it must have 1 to 400 characters.";
        var parts = path.Split('/');
        if (parts.Length > DeepestFolder)
            return $"'{shown}' lies more than {DeepestFolder - 1} folders deep.";
        foreach (var part in parts)
        {
            if (part.Length == 0 || part[0] == '.' || part[^1] is '.' or ' ' || part[0] == ' ')
                return $"'{shown}' is refused: names of files and folders must not be empty, begin with a dot or a space, or end with one.";
            if (part.Any(c => char.IsControl(c) || c is '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|' or '\u2028' or '\u2029' or '\u202e' or '\ufffd') || System.Text.Encoding.UTF8.GetByteCount(part) > 200)
                return $"'{shown}' is refused: a name holds a character that file systems do not take, or is longer than 200 bytes.";
        }

        return null;
    }

    /// <summary>The path below a folder.</summary>
    /// <exception cref="PeftException">The relative path is refused, or a link on the way leads elsewhere.</exception>
    public static string Under(string folder, string path)
    {
        if (Refusal(path) is { } refusal)
            throw new PeftException(refusal);
        var root = Path.GetFullPath(folder);
        var at = root;
        foreach (var part in path.Split('/'))
        {
            at = Path.Combine(at, part);
            if (new FileInfo(at) is { LinkTarget: not null })
                throw new PeftException($"'{path}' is refused: {at} is a link to somewhere else.");
        }

        return at;
    }
}
