using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Architecture.Tests;

/// <summary>What a reader may rely on in every file.</summary>
public sealed partial class SourceTests
{
    [Fact]
    public void SourceFiles_Stay_Under350Lines()
    {
        var large = Repository.SourceFiles(".cs", ".razor", ".js")
            .Where(path => !path.Contains("/Migrations/", StringComparison.Ordinal))
            .Select(path => (path, lines: File.ReadLines(Path.Combine(Repository.Root, path)).Count()))
            .Where(file => file.lines > 350)
            .Select(file => $"{file.path} ({file.lines})")
            .ToArray();

        Assert.True(large.Length == 0, "Split these where there are two reasons to change: " + string.Join(", ", large));
    }

    [Fact]
    public void ResourceFiles_Hold_TheSameKeysInBothLanguages()
    {
        var neutral = Repository.SourceFiles(".resx").Where(path => !path.EndsWith(".zh-CN.resx", StringComparison.Ordinal)).ToArray();

        Assert.NotEmpty(neutral);
        foreach (var path in neutral)
        {
            var chinese = path[..^".resx".Length] + ".zh-CN.resx";
            Assert.True(File.Exists(Path.Combine(Repository.Root, chinese)), chinese + " is missing");
            var left = Keys(path);
            var right = Keys(chinese);
            Assert.True(left.SetEquals(right), $"{path}: keys in one language only: {string.Join(", ", left.Except(right).Concat(right.Except(left)))}");
        }
    }

    [Fact]
    public void ResourceTexts_HaveTheSamePlaceholders_InBothLanguages()
    {
        foreach (var path in Repository.SourceFiles(".resx").Where(path => !path.EndsWith(".zh-CN.resx", StringComparison.Ordinal)))
        {
            var english = Texts(path);
            var chinese = Texts(path[..^".resx".Length] + ".zh-CN.resx");
            foreach (var (key, text) in english)
            {
                var wanted = Placeholder().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
                var found = Placeholder().Matches(chinese[key]).Select(match => match.Groups[1].Value).ToHashSet();
                Assert.True(wanted.SetEquals(found), $"{path}: '{key}' has other placeholders in Chinese");
            }
        }
    }

    [Fact]
    public void Sources_Hold_NothingUnfinished()
    {
        var words = new[] { "Not" + "ImplementedException", "TO" + "DO", "FIX" + "ME" };
        var offenders = Repository.SourceFiles(".cs", ".razor", ".js")
            .Where(path => words.Any(word => File.ReadAllText(Path.Combine(Repository.Root, path)).Contains(word, StringComparison.Ordinal)))
            .ToArray();

        Assert.True(offenders.Length == 0, string.Join(", ", offenders));
    }

    private static HashSet<string> Keys(string path) => [.. Texts(path).Keys];

    private static Dictionary<string, string> Texts(string path) =>
        XDocument.Load(Path.Combine(Repository.Root, path)).Root!.Elements("data")
            .ToDictionary(data => data.Attribute("name")!.Value, data => data.Element("value")?.Value ?? "");

    [GeneratedRegex(@"\{(\d+)[^}]*\}")]
    private static partial Regex Placeholder();
}
