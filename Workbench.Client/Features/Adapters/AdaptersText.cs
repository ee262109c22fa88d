namespace Workbench.Client.Features.Adapters;

/// <summary>Anchor of the texts of the pages about adapters.</summary>
public sealed class AdaptersText;
