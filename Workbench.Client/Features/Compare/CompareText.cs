namespace Workbench.Client.Features.Compare;

/// <summary>Names the texts of the comparison page (CompareText.resx and its translations).</summary>
public sealed class CompareText
{
}
