using System.Globalization;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Catalogue;

/// <summary>How much of a model must fit into this machine's memory.</summary>
public enum FitFilter
{
    Any,
    Qlora,
    Lora,
    Full,
}

/// <summary>Columns that sort.</summary>
public enum CatalogueColumn
{
    Name,
    Date,
    Parameters,
    Layers,
    Heads,
    Vocabulary,
    Memory,
}

/// <summary>What of the catalogue is shown, and in which order.</summary>
public sealed record CatalogueView
{
    public string Search { get; init; } = "";

    public string Family { get; init; } = "";

    public string Kind { get; init; } = "";

    public bool LectureOnly { get; init; }

    public bool VerifiedOnly { get; init; }

    public FitFilter Fit { get; init; }

    public CatalogueColumn Column { get; init; } = CatalogueColumn.Date;

    public bool Descending { get; init; } = true;

    /// <summary>The same view, sorted by a column; a second time the other way round.</summary>
    public CatalogueView SortBy(CatalogueColumn column) => column == Column
        ? this with { Descending = !Descending }
        : this with { Column = column, Descending = column is CatalogueColumn.Date };

    public IReadOnlyList<CatalogueEntry> Apply(CatalogueDto catalogue)
    {
        ArgumentNullException.ThrowIfNull(catalogue);
        var shown = catalogue.Entries.Where(entry => Shows(entry, catalogue.MachineBytes));
        IOrderedEnumerable<CatalogueEntry> ordered = Column switch
        {
            CatalogueColumn.Name => Order(shown, entry => entry.Name, StringComparer.Create(CultureInfo.InvariantCulture, CompareOptions.NumericOrdering | CompareOptions.IgnoreCase)),
            CatalogueColumn.Date => Order(shown, entry => entry.Date, StringComparer.Ordinal),
            CatalogueColumn.Parameters => Order(shown, entry => entry.Parameters),
            CatalogueColumn.Layers => Order(shown, entry => entry.Layers),
            CatalogueColumn.Heads => Order(shown, entry => entry.Heads),
            CatalogueColumn.Vocabulary => Order(shown, entry => entry.Vocabulary),
            _ => Order(shown, entry => entry.Memory?.Lora ?? long.MaxValue),
        };
        return [.. ordered.ThenBy(entry => entry.Parameters)];
    }

    private bool Shows(CatalogueEntry entry, long machine) =>
        (Search.Length == 0 || Search.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(word => Matches(entry, word)))
        && (Family.Length == 0 || entry.Family == Family)
        && (Kind.Length == 0 || entry.Kind == Kind)
        && (!LectureOnly || entry.Lecture)
        && (!VerifiedOnly || entry.Verified)
        && (Fit == FitFilter.Any || (Needed(entry) is { } bytes && bytes <= machine));

    private static bool Matches(CatalogueEntry entry, string word) =>
        entry.Name.Contains(word, StringComparison.OrdinalIgnoreCase)
        || entry.Hub?.Contains(word, StringComparison.OrdinalIgnoreCase) == true
        || entry.ModelType.Contains(word, StringComparison.OrdinalIgnoreCase);

    private long? Needed(CatalogueEntry entry) => Fit switch
    {
        FitFilter.Full => entry.Memory?.Full,
        FitFilter.Lora => entry.Memory?.Lora,
        _ => entry.Memory?.Qlora,
    };

    private IOrderedEnumerable<CatalogueEntry> Order<TKey>(IEnumerable<CatalogueEntry> entries, Func<CatalogueEntry, TKey> key, IComparer<TKey>? comparer = null) =>
        Descending ? entries.OrderByDescending(key, comparer) : entries.OrderBy(key, comparer);
}
