namespace Workbench.Client.Shared;

/// <summary>Names the texts of ServerText.resx: what server and trainer say in English, as patterns, with their translations.</summary>
public sealed class ServerText
{
}
