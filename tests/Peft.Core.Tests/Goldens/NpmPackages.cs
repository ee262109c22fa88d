using System.Security.Cryptography;

namespace Peft.Core.Tests.Goldens;

/// <summary>Packages with tokenizers of real models, which <c>test.sh</c> installs below <c>artifacts/npm</c>; PEFT_NPM names another folder.</summary>
internal static class NpmPackages
{
    /// <summary>The folder of a package; null where it is not installed.</summary>
    public static string? Find(string package)
    {
        if (Environment.GetEnvironmentVariable("PEFT_NPM") is { Length: > 0 } given && Directory.Exists(Path.Combine(given, "node_modules", package)))
            return Path.Combine(given, "node_modules", package);
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); above is not null; above = above.Parent)
        {
            var folder = Path.Combine(above.FullName, "artifacts", "npm", "node_modules", package);
            if (Directory.Exists(folder))
                return folder;
        }

        return null;
    }

    /// <summary>SHA-256 of a file in small letters.</summary>
    public static string Hash(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
