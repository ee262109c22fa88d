using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Services;
using Workbench.Client.Shared;
using Microsoft.Extensions.Localization;

namespace Workbench.Client.Tests;

public sealed partial class ServerTextsTests : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentUICulture;
    private readonly IStringLocalizer<ServerText> _texts = new ServiceCollection().AddLogging().AddLocalization().BuildServiceProvider().GetRequiredService<IStringLocalizer<ServerText>>();

    public void Dispose() => CultureInfo.CurrentUICulture = _before;

    [Theory]
    [InlineData("r: the rank must be a positive whole number, but is 0.", "r：秩必须是正整数，当前为 0。")]
    [InlineData("Dataset 'a: b' has no training records. Split it, or move records to train.", "数据集“a: b”没有训练记录。请划分数据集，或将记录移入训练集。")]
    [InlineData("Import 12 records from x.json", "导入 x.json 中的 12 条记录")]
    [InlineData("A record is a JSON object like {\"instruction\": …, \"input\": …, \"output\": …}, but this is a number.", "记录应为形如 {\"instruction\": …, \"input\": …, \"output\": …} 的 JSON 对象，但这里是a number。")]
    [InlineData("/m/config.json: field 'hidden_size' is 0, it must be positive.", "/m/config.json：字段“hidden_size”为 0，必须为正数。")]
    [InlineData("Width of that network; empty takes the width of the keys. The width of the sample base.", "该网络的宽度；留空则取键的宽度。示例基座的宽度。")]
    [InlineData("Something nobody has translated.", "Something nobody has translated.")]
    public void Of_InChinese_SaysTheMessageAgain(string message, string said)
    {
        CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("zh-CN");
        Assert.Equal(said, new ServerTexts(_texts).Of(message));
    }

    [Fact]
    public void Of_InEnglish_LeavesTheMessage()
    {
        CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("en");
        Assert.Equal("Add record", new ServerTexts(_texts).Of("Add record"));
    }

    [Fact]
    public void Patterns_AreWhatTheProgramsSay()
    {
        CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo("zh-CN");
        var source = string.Concat(new[] { "Peft.Core", "Peft.Cli", "Workbench.Server" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(Root(), project), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText))
            .Replace("\\\"", "\"", StringComparison.Ordinal);
        foreach (var text in _texts.GetAllStrings(includeParentCultures: true))
        {
            foreach (var piece in Placeholder().Split(text.Name).Select(p => p.Trim()).Where(p => p.Length >= 12))
                Assert.True(source.Contains(piece, StringComparison.Ordinal), $"No program says '{piece}' any more; correct or delete the text '{text.Name}'.");
            Assert.Equal(
                Placeholder().Matches(text.Name).Select(m => m.Value).Distinct().Order(),
                Placeholder().Matches(text.Value).Select(m => m.Value).Distinct().Order());
        }
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Workbench.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }

    [GeneratedRegex(@"\{\d\}")]
    private static partial Regex Placeholder();
}
