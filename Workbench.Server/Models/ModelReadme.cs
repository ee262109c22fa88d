namespace Workbench.Server.Models;

/// <summary>A model card file: text, and what its YAML head says about licence and languages.</summary>
internal sealed record ModelReadme(string Text, string License, IReadOnlyList<string> Languages)
{
    public static ModelReadme Read(string folder)
    {
        var path = Path.Combine(folder, "README.md");
        return File.Exists(path) ? Parse(File.ReadAllText(path)) : new ModelReadme("", "", []);
    }

    public static ModelReadme Parse(string text)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        var end = lines[0] == "---" ? Array.IndexOf(lines, "---", 1) : -1;
        if (end < 0)
            return new ModelReadme(text, "", []);
        var (license, languages, inLanguages) = ("", new List<string>(), false);
        foreach (var line in lines[1..end])
        {
            if (inLanguages && line.TrimStart().StartsWith("- ", StringComparison.Ordinal))
            {
                languages.Add(Clean(line.TrimStart()[2..]));
                continue;
            }

            inLanguages = false;
            if (line.StartsWith("license:", StringComparison.Ordinal))
                license = Clean(line["license:".Length..]);
            else if (line.StartsWith("language:", StringComparison.Ordinal))
            {
                inLanguages = true;
                languages.AddRange(line["language:".Length..].Trim(' ', '[', ']').Split(',').Select(Clean).Where(code => code.Length > 0));
            }
        }

        return new ModelReadme(string.Join('\n', lines[(end + 1)..]).TrimStart('\n'), license, languages);
    }

    private static string Clean(string value) => value.Trim().Trim('\'', '"');
}
