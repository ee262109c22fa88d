using System.Globalization;
using Markdig;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Learn;

/// <summary>A page about a method as HTML, and the language to ask for it in.</summary>
public static class LessonHtml
{
    private static readonly MarkdownPipeline s_pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseAutoLinks().Build();

    /// <summary>The language of the page as the server names it.</summary>
    public static string Language => CultureInfo.CurrentUICulture.TwoLetterISOLanguageName == "zh" ? UserSettings.Chinese : UserSettings.English;

    public static string Of(string markdown) => Markdown.ToHtml(markdown, s_pipeline);
}
