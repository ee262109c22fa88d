namespace Workbench.Client.Features.Datasets;

/// <summary>Names the texts of the data pages (DatasetsText.resx and its translations).</summary>
public sealed class DatasetsText
{
}
