namespace Peft.Core.Hub;

/// <summary>A file of a model on a hub.</summary>
/// <param name="Path">Relative path, with slashes.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">SHA-256 of the content in lower-case hexadecimal; null where the hub gives none (small files on Hugging Face).</param>
/// <param name="GitBlob">Git's id of the content (SHA-1 over a header and the content); null where the hub gives none.</param>
public sealed record HubFile(string Path, long Size, string? Sha256 = null, string? GitBlob = null);

/// <summary>A model on a hub at one commit.</summary>
/// <param name="Id">Owner and name.</param>
/// <param name="Revision">The commit where the hub says it, else the branch.</param>
/// <param name="Gated">Whether its terms have to be accepted first.</param>
/// <param name="Files">Every file.</param>
public sealed record HubListing(string Id, string Revision, bool Gated, IReadOnlyList<HubFile> Files);
