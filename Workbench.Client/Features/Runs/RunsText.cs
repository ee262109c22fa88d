namespace Workbench.Client.Features.Runs;

/// <summary>Names the texts of the run pages (RunsText.resx and its translations).</summary>
public sealed class RunsText
{
}
