namespace Peft.Core.Tests;

/// <summary>The base and dataset that come with the workbench.</summary>
internal static class SampleFiles
{
    private static readonly string s_root = Find();

    public static string Base => Path.Combine(s_root, "models", "mini-llama-zh");

    public static string Dataset => Path.Combine(s_root, "datasets", "relation-extraction-zh");

    public static string Reference => Path.Combine(s_root, "reference-results.json");

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Workbench.sln")))
                return Path.Combine(folder.FullName, "samples");
        }

        throw new InvalidOperationException("samples/ was not found above " + AppContext.BaseDirectory);
    }
}
