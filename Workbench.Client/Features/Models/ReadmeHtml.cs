using Markdig;

namespace Workbench.Client.Features.Models;

/// <summary>A model's README as HTML. Raw HTML in it is shown as text: a folder from anywhere must not bring scripts into the page.</summary>
public static class ReadmeHtml
{
    private static readonly MarkdownPipeline s_pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseAutoLinks().Build();

    public static string Of(string markdown)
    {
        var document = Markdown.Parse(WithoutFrontMatter(markdown), s_pipeline);
        foreach (var link in Markdig.Syntax.MarkdownObjectExtensions.Descendants<Markdig.Syntax.Inlines.LinkInline>(document))
        {
            // Pictures would be fetched from elsewhere, other schemes could run code: both become plain links or none.
            link.IsImage = false;
            if (!IsWeb(link.Url))
                link.Url = "";
        }

        return document.ToHtml(s_pipeline);
    }

    private static bool IsWeb(string? address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http";

    /// <summary>Cards on the hub begin with YAML between two lines of dashes.</summary>
    private static string WithoutFrontMatter(string text)
    {
        text = text.ReplaceLineEndings("\n");
        if (!text.StartsWith("---\n", StringComparison.Ordinal))
            return text;
        var end = text.IndexOf("\n---\n", 4, StringComparison.Ordinal);
        return end < 0 ? text : text[(end + 5)..];
    }
}
