namespace Workbench.Client.Shared;

/// <summary>Names the texts of the shell and of what all pages share (SharedText.resx and its translations).</summary>
public sealed class SharedText
{
}
