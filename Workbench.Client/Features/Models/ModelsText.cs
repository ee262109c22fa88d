namespace Workbench.Client.Features.Models;

/// <summary>Names the texts of ModelsText.resx and its translations.</summary>
public sealed class ModelsText
{
}
