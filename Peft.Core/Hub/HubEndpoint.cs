namespace Peft.Core.Hub;

/// <summary>Which web API a hub speaks.</summary>
public enum HubApi
{
    /// <summary>Hugging Face's, which mirrors speak as well.</summary>
    HuggingFace,

    /// <summary>ModelScope's own.</summary>
    ModelScope,
}

/// <summary>A place that models are downloaded from.</summary>
/// <param name="Api">What it speaks.</param>
/// <param name="Address">Scheme, host and, where there is one, a path that ends with a slash.</param>
public sealed record HubEndpoint(HubApi Api, Uri Address)
{
    private const string ModelScopeScheme = "modelscope+";

    /// <summary>Hugging Face.</summary>
    public static HubEndpoint HuggingFace { get; } = Parse("https://huggingface.co");

    /// <summary>A public mirror of Hugging Face.</summary>
    public static HubEndpoint Mirror { get; } = Parse("https://hf-mirror.com");

    /// <summary>ModelScope.</summary>
    public static HubEndpoint ModelScope { get; } = Parse("https://www.modelscope.cn");

    /// <summary>The branch that a model's files are taken from when none is named.</summary>
    public string DefaultRevision => Api == HubApi.ModelScope ? "master" : "main";

    /// <summary>A token travels encrypted or not at all, except within this machine.</summary>
    public bool MayCarryToken => Address.Scheme == Uri.UriSchemeHttps || Address.IsLoopback;

    /// <summary>
    /// Reads an address. Hosts named modelscope speak ModelScope's API, all others Hugging Face's; <c>modelscope+https://…</c> says so for any host.
    /// </summary>
    /// <exception cref="PeftException">It is no http or https address.</exception>
    public static HubEndpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (own, rest) = text.Trim() is var trimmed && trimmed.StartsWith(ModelScopeScheme, StringComparison.OrdinalIgnoreCase) ? (true, trimmed[ModelScopeScheme.Length..]) : (false, trimmed);
        if (!Uri.TryCreate(rest, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            || address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
            throw new PeftException($"'{text}' is no address of a hub. Write it like https://huggingface.co, without user name and query.");
        var modelScope = own || address.Host.Split('.').Contains("modelscope", StringComparer.OrdinalIgnoreCase);
        return new HubEndpoint(modelScope ? HubApi.ModelScope : HubApi.HuggingFace, new Uri(address.AbsoluteUri.TrimEnd('/') + "/"));
    }

    /// <summary>Whether an address lies on this hub's own host: only there a token may be shown.</summary>
    public bool Owns(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Scheme == Address.Scheme && address.Port == Address.Port && string.Equals(address.Host, Address.Host, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The address as <see cref="Parse"/> reads it.</summary>
    public override string ToString()
    {
        var plain = Address.AbsoluteUri.TrimEnd('/');
        return Api == HubApi.ModelScope && !Address.Host.Split('.').Contains("modelscope", StringComparer.OrdinalIgnoreCase) ? ModelScopeScheme + plain : plain;
    }
}
