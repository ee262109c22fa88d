namespace Workbench.Client.Features.Charts;

/// <summary>The colours of runs: CSS variables <c>--run-0</c> and so on, the same in lists, charts and tables.</summary>
public static class RunPalette
{
    public const int Size = 12;

    public static string Css(int color) => color < 0 ? "var(--mud-palette-text-secondary)" : $"var(--run-{color % Size})";
}
