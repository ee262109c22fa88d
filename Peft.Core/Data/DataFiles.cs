namespace Peft.Core.Data;

/// <summary>Reading of whole data files.</summary>
internal static class DataFiles
{
    private const int Shown = 10;

    /// <summary>The bytes of a file.</summary>
    /// <exception cref="PeftException">It cannot be read.</exception>
    public static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: the dataset file cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Fails when there are problems; the first ten are named.</summary>
    /// <exception cref="PeftException">There is at least one.</exception>
    public static void Refuse(IReadOnlyList<DataProblem> problems)
    {
        if (problems.Count == 0)
            return;
        var more = problems.Count > Shown ? $"{Environment.NewLine}… and {problems.Count - Shown} more rows." : "";
        throw new PeftException(string.Join(Environment.NewLine, problems.Take(Shown)) + more);
    }
}
