using Peft.Core.Methods;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

/// <summary>
/// The pages about methods: the Markdown files of <c>docs/*/methods</c>, which come with the program. A file is named after its method; one that
/// is not names the method it is a variant of in its head.
/// </summary>
public static class LessonLibrary
{
    private const string Root = "Lessons/";
    private const string Variant = "method:";

    private static readonly Dictionary<string, IReadOnlyList<LessonDto>> s_languages = Read();

    /// <summary>The pages of a language in the order of the registry, variants behind their method; English where there is no such language.</summary>
    public static IReadOnlyList<LessonDto> In(string? language) =>
        s_languages.GetValueOrDefault(language ?? "en") ?? s_languages["en"];

    /// <summary>The name of a method's page in addresses.</summary>
    public static string SlugOf(string peftType)
    {
        ArgumentNullException.ThrowIfNull(peftType);
        return peftType.Replace('_', '-').ToLowerInvariant();
    }

    private static Dictionary<string, IReadOnlyList<LessonDto>> Read()
    {
        var assembly = typeof(LessonLibrary).Assembly;
        var order = PeftMethodRegistry.All.Select((method, index) => (method.Name, index)).ToDictionary(pair => pair.Name, pair => pair.index, StringComparer.Ordinal);
        var files = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Root, StringComparison.Ordinal)).Select(name => (Name: name, Parts: name.Split('/')));
        return files.GroupBy(file => file.Parts[1]).ToDictionary(
            language => language.Key,
            language => (IReadOnlyList<LessonDto>)[.. language
                .Select(file => Lesson(file.Parts[2], Text(file.Name)))
                .OrderBy(lesson => order[lesson.PeftType])
                .ThenBy(lesson => lesson.Slug != SlugOf(lesson.PeftType))
                .ThenBy(lesson => lesson.Slug, StringComparer.Ordinal)],
            StringComparer.Ordinal);

        string Text(string name)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return reader.ReadToEnd().ReplaceLineEndings("\n");
        }
    }

    /// <summary>An optional head between lines of dashes, a title, a paragraph, the rest.</summary>
    private static LessonDto Lesson(string slug, string text)
    {
        var type = PeftMethodRegistry.All.FirstOrDefault(method => SlugOf(method.Name) == slug)?.Name;
        if (text.StartsWith("---\n", StringComparison.Ordinal) && text.IndexOf("\n---\n", 4, StringComparison.Ordinal) is > 0 and var end)
        {
            type = text[4..end].Split('\n').First(line => line.StartsWith(Variant, StringComparison.Ordinal))[Variant.Length..].Trim();
            text = text[(end + 5)..];
        }

        var blocks = text.Trim().Split("\n\n", 3);
        return new LessonDto(slug, type ?? throw new InvalidOperationException($"docs/*/methods/{slug}.md names no method."), blocks[0].TrimStart('#', ' '), blocks[1].Trim(), blocks[2]);
    }
}
