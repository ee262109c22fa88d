using System.Text.Json;

namespace Peft.Core.Data.Import.Formats;

/// <summary>The layouts of rows, the most telling first.</summary>
internal static class LayoutCatalog
{
    private static readonly string[] s_tables = ["csv", "tsv", "xlsx", "parquet", "arrow"];

    public static IReadOnlyList<Layout> All { get; } =
    [
        new("label-studio", LabelStudioRows.Fits, (options, _) => new LabelStudioRows(options)) { Format = container => $"label-studio-{container}" },
        new("label-studio-min", LabelStudioFlatRows.Fits, (options, _) => new LabelStudioFlatRows(options)) { Format = container => container is "json" or "jsonl" ? "label-studio-json-min" : $"label-studio-{container}" },
        new("sharegpt", row => RowFields.Has(row, "conversations", JsonValueKind.Array), (_, _) => new ChatRows("conversations")),
        new("openai", row => RowFields.Has(row, "messages", JsonValueKind.Array), (_, _) => new ChatRows("messages")) { Format = container => $"openai-messages-{container}" },
        new("iepile", SchemaInstructionRows.Fits, (_, _) => new SchemaInstructionRows()),
        new("doccano-relation", row => RowFields.Has(row, "text", JsonValueKind.String) && DoccanoRows.IsRelation(row), (options, _) => new DoccanoRows(options)) { Format = container => $"doccano-{container}-relation" },
        new("annotated", AnnotatedRows.Fits, (_, _) => new AnnotatedRows()),
        new("triples", TripleRows.Fits, (options, _) => new TripleRows(options)),
        new("cluener", ClueNerRows.Fits, (_, _) => new ClueNerRows()),
        new("doccano", DoccanoRows.Fits, (options, _) => new DoccanoRows(options)),
        new("questions", QuestionRows.Fits, (options, _) => new QuestionRows(options)) { Format = container => $"questions-{container}" },
        new("alpaca", InstructionRows.Fits, (_, _) => new InstructionRows()),
        new("samples", SampleRows.Fits, (_, _) => new SampleRows()),
        new("tagging", row => RowFields.Has(row, "text") && RowFields.Has(row, "entities", JsonValueKind.Array), (_, _) => new TaskKindRows(DatasetKind.Tagging)),
        new("classification", ClassificationRows.Fits, (_, _) => new ClassificationRows()),
        new("text", IsText, (_, _) => new TaskKindRows(DatasetKind.Text)),
    ];

    /// <summary>The layout that most of some rows have; null when they have none.</summary>
    public static Layout? Recognise(IReadOnlyList<JsonElement> rows) => rows.Count == 0
        ? null
        : All.FirstOrDefault(layout => rows.Count(layout.Fits) * 2 > rows.Count) ?? All.FirstOrDefault(layout => layout.Fits(rows[0]));

    /// <summary>The layout of a name.</summary>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static Layout Find(string name) =>
        All.FirstOrDefault(layout => layout.Name == name) ?? throw new PeftException($"Layout '{name}' is not known; use one of {string.Join(", ", All.Select(layout => layout.Name))}.");

    /// <summary>Name of the format of a file: layout and form; a table without a layout of its own is called by its form.</summary>
    public static string Format(Layout? layout, string container) => layout?.Format is { } name ? name(container)
        : layout is null || s_tables.Contains(container) || layout.Name == container ? container
        : $"{layout.Name}-{container}";

    private static bool IsText(JsonElement row) => RowFields.Has(row, "text", JsonValueKind.String) && !RowFields.Has(row, "label") && !RowFields.Has(row, "entities") && !RowFields.Has(row, "output");
}
