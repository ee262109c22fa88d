namespace Workbench.Server.Hosting;

/// <summary>Where the program lies: a checkout (its root holds the solution), or a published folder.</summary>
internal static class Installation
{
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Workbench.sln")))
                return folder.FullName;
        }

        return AppContext.BaseDirectory;
    }
}
