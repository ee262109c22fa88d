using System.Globalization;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Datasets;

public enum RecordFace
{
    Graph,
    Instruction,
    Tokens,
}

/// <summary>What the dataset page shows, as its address says it: a link shows a colleague the same screen.</summary>
public sealed record DatasetState
{
    public const int PageSize = 50;

    public DatasetSplit? Split { get; init; }

    public string Query { get; init; } = "";

    /// <summary>From 0.</summary>
    public int Page { get; init; }

    public string? Record { get; init; }

    public RecordFace Face { get; init; }

    public static DatasetState Read(string? split, string? query, string? page, string? record, string? face) => new()
    {
        Split = Enum.TryParse<DatasetSplit>(split, ignoreCase: true, out var one) && Enum.IsDefined(one) ? one : null,
        Query = query ?? "",
        Page = int.TryParse(page, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number - 1 : 0,
        Record = string.IsNullOrEmpty(record) ? null : record,
        Face = Enum.TryParse<RecordFace>(face, ignoreCase: true, out var shown) && Enum.IsDefined(shown) ? shown : RecordFace.Graph,
    };

    /// <summary>Null removes a parameter: what is at its default does not lengthen the address.</summary>
    public IReadOnlyDictionary<string, object?> ToQuery() => new Dictionary<string, object?>
    {
        ["split"] = Split?.ToString().ToLowerInvariant(),
        ["q"] = Query.Length > 0 ? Query : null,
        ["page"] = Page > 0 ? Page + 1 : null,
        ["record"] = Record,
        ["face"] = Face == RecordFace.Graph ? null : Face.ToString().ToLowerInvariant(),
    };
}
