namespace Workbench.Client.Features.Playground;

/// <summary>Names the texts of the playground (PlaygroundText.resx and its translations).</summary>
public sealed class PlaygroundText
{
}
