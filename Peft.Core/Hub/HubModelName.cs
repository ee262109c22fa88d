using System.Text.RegularExpressions;

namespace Peft.Core.Hub;

/// <summary>A model on a hub: <c>owner/name</c>, and the revision where one is named.</summary>
/// <param name="Id">Owner and name.</param>
/// <param name="Revision">Branch, tag or commit; null takes the hub's default.</param>
/// <param name="Endpoint">The hub, when the text was an address of one.</param>
public sealed partial record HubModelName(string Id, string? Revision = null, HubEndpoint? Endpoint = null)
{
    /// <summary>The last part of the id.</summary>
    public string ShortName => Id[(Id.LastIndexOf('/') + 1)..];

    /// <summary>Reads an id, or the address of a model's page as it stands in the browser.</summary>
    /// <exception cref="PeftException">It is neither.</exception>
    public static HubModelName Parse(string text, string? revision = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var wanted = string.IsNullOrWhiteSpace(revision) ? null : revision.Trim();
        var (id, endpoint) = (text.Trim().Trim('/'), (HubEndpoint?)null);
        if (Uri.TryCreate(id, UriKind.Absolute, out var page) && page.Scheme is "https" or "http")
        {
            endpoint = HubEndpoint.Parse(page.GetLeftPart(UriPartial.Authority));
            var parts = Uri.UnescapeDataString(page.AbsolutePath).Split('/', StringSplitOptions.RemoveEmptyEntries);
            if (parts is ["models", ..])
                parts = parts[1..];
            id = string.Join('/', parts.Take(2));
            if (wanted is null && parts is [_, _, "tree" or "blob" or "resolve", var named, ..])
                wanted = named;
        }

        if (!IdPattern().IsMatch(id) || id.Length > 200 || id.Contains("..", StringComparison.Ordinal))
            throw new PeftException($"'{text.Trim()}' is no model id. Write owner/name, such as Qwen/Qwen2.5-0.5B, or paste the address of the model's page.");
        if (wanted is not null && (!RevisionPattern().IsMatch(wanted) || wanted.Length > 200 || wanted.Contains("..", StringComparison.Ordinal)))
            throw new PeftException($"'{wanted}' is no revision. Write a branch, a tag or a commit.");
        return new HubModelName(id, wanted, endpoint);
    }

    [GeneratedRegex(@"^[A-Za-z0-9_][\w.\-]*(/[A-Za-z0-9_][\w.\-]*)?$")]
    private static partial Regex IdPattern();

    [GeneratedRegex(@"^\w[\w./\-]*$")]
    private static partial Regex RevisionPattern();
}
