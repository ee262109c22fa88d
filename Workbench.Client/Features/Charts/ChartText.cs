namespace Workbench.Client.Features.Charts;

/// <summary>Names the texts of the charts (ChartText.resx and its translations).</summary>
public sealed class ChartText
{
}
