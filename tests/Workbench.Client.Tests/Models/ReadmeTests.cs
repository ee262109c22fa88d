using Workbench.Client.Features.Models;

namespace Workbench.Client.Tests.Models;

public sealed class ReadmeTests
{
    [Fact]
    public void Readme_WithScriptAndImage_BecomesHarmless()
    {
        var html = ReadmeHtml.Of("---\nlicense: mit\n---\n# Title\n<script>alert(1)</script>\n\n![x](https://example.org/a.png) [go](javascript:alert(1))");

        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("javascript:", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("license: mit", html, StringComparison.Ordinal);
        Assert.Contains("Title", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_Table_StaysATable() => Assert.Contains("<td>b</td>", ReadmeHtml.Of("| h | i |\n|---|---|\n| a | b |"), StringComparison.Ordinal);
}
