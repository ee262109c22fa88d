namespace Workbench.Client.Features.Pretraining;

/// <summary>Names the texts of PretrainText.resx and its translations.</summary>
public sealed class PretrainText
{
}
