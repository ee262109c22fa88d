namespace Workbench.Client.Features.Home;

/// <summary>Names the texts of HomeText.resx and its translations.</summary>
public sealed class HomeText
{
}
