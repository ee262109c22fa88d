namespace Workbench.Client.Features.Catalogue;

/// <summary>Anchor of the catalogue's texts.</summary>
public sealed class CatalogueText;
