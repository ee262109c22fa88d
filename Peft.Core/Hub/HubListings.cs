using System.Text.Json;

namespace Peft.Core.Hub;

/// <summary>Reads what files a model has, in either API's words. Directories and names that cannot be files here are left out.</summary>
internal sealed class HubListings(HubClient client)
{
    private const int MostFiles = 20_000;

    public Task<HubListing> ReadAsync(HubModelName model, CancellationToken cancel) =>
        client.Endpoint.Api == HubApi.ModelScope ? ModelScopeAsync(model, cancel) : HuggingFaceAsync(model, cancel);

    private async Task<HubListing> HuggingFaceAsync(HubModelName model, CancellationToken cancel)
    {
        var named = model.Revision is { } revision ? $"/revision/{Uri.EscapeDataString(revision)}" : "";
        string commit;
        bool gated;
        var (about, _) = await client.JsonAsync(Address($"api/models/{model.Id}{named}"), model.Id, cancel).ConfigureAwait(false);
        using (about)
        {
            commit = Text(about.RootElement, "sha") ?? model.Revision ?? client.Endpoint.DefaultRevision;
            gated = about.RootElement.ValueKind == JsonValueKind.Object && about.RootElement.TryGetProperty("gated", out var gate) && gate.ValueKind is not (JsonValueKind.False or JsonValueKind.Null);
        }

        var files = new List<HubFile>();
        for (Uri? page = Address($"api/models/{model.Id}/tree/{Uri.EscapeDataString(commit)}?recursive=1"); page is not null && files.Count < MostFiles;)
        {
            var (json, next) = await client.JsonAsync(page, model.Id, cancel).ConfigureAwait(false);
            using (json)
            {
                foreach (var item in Items(json.RootElement).Where(item => Text(item, "type") == "file"))
                    Add(files, HuggingFace(item));
            }

            page = next;
        }

        return new HubListing(model.Id, commit, gated, files);
    }

    private async Task<HubListing> ModelScopeAsync(HubModelName model, CancellationToken cancel)
    {
        var revision = model.Revision ?? client.Endpoint.DefaultRevision;
        var (json, _) = await client.JsonAsync(
            Address($"api/v1/models/{model.Id}/repo/files?Revision={Uri.EscapeDataString(revision)}&Recursive=true"), model.Id, cancel).ConfigureAwait(false);
        using (json)
        {
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("Data", out var data) || data.ValueKind != JsonValueKind.Object
                || !data.TryGetProperty("Files", out var list))
                throw new HubException(HubFailure.NotFound, $"{model.Id}: {client.Endpoint.Address.Host} says: {Text(json.RootElement, "Message") ?? "nothing that can be read"}.");
            var files = new List<HubFile>();
            foreach (var item in Items(list).Where(item => Text(item, "Type") != "tree"))
                Add(files, new HubFile(Text(item, "Path") ?? "", Number(item, "Size"), Text(item, "Sha256") is { Length: 64 } sum ? Lower(sum) : null));
            return new HubListing(model.Id, revision, Gated: false, files);
        }
    }

    private static HubFile HuggingFace(JsonElement item)
    {
        var path = Text(item, "path") ?? "";
        return item.TryGetProperty("lfs", out var stored) && stored.ValueKind == JsonValueKind.Object
            ? new HubFile(path, Number(stored, "size"), Text(stored, "oid") is { Length: >= 64 } sum ? Lower(sum[^64..]) : null)
            : new HubFile(path, Number(item, "size"), GitBlob: Text(item, "oid") is { Length: 40 } blob ? Lower(blob) : null);
    }

    private static void Add(List<HubFile> files, HubFile file)
    {
        if (SafePath.Refusal(file.Path) is null && file.Size >= 0)
            files.Add(file);
    }

    private Uri Address(string relative) => new(client.Endpoint.Address, relative);

    private static IEnumerable<JsonElement> Items(JsonElement list) => list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object) : [];

    private static string? Text(JsonElement item, string field) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long Number(JsonElement item, string field) =>
        item.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : -1;

    /// <summary>Checksums are compared as the computed ones are written.</summary>
    private static string Lower(string hexadecimal) => Convert.ToHexStringLower(Hex(hexadecimal));

    private static byte[] Hex(string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException error)
        {
            throw new HubException(HubFailure.Unusable, $"the hub's listing names a checksum that is none: '{text}'.", error);
        }
    }
}
