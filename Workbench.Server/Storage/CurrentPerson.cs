namespace Workbench.Server.Storage;

/// <summary>Who gives the orders. Every row and command carries the id.</summary>
public interface ICurrentPerson
{
    string Id { get; }

    string DisplayName { get; }
}

/// <summary>The one person of an installation without accounts.</summary>
internal sealed class LocalPerson : ICurrentPerson
{
    public string Id => "local";

    public string DisplayName => Environment.UserName;
}
