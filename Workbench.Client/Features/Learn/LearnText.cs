namespace Workbench.Client.Features.Learn;

/// <summary>Anchor of the texts of the pages about methods.</summary>
public sealed class LearnText;
