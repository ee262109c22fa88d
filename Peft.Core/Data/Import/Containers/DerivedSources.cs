using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data.Import.Formats;

namespace Peft.Core.Data.Import.Containers;

/// <summary>Questions of articles, one row a question.</summary>
/// <param name="source">The file.</param>
/// <param name="isSquad">SQuAD's form; otherwise CMRC 2018's own.</param>
internal sealed class QuestionSource(JsonRowSource source, bool isSquad) : IRowSource
{
    /// <inheritdoc />
    public string Container => "json";

    /// <inheritdoc />
    public IReadOnlyList<string>? Columns => null;

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        var number = 0;
        if (isSquad)
        {
            using var document = source.Whole() ?? throw new PeftException("The file changed while it was read.");
            foreach (var row in Rows(QuestionFiles.Squad(document.RootElement), () => number++))
                yield return row;
            yield break;
        }

        foreach (var article in source.Rows())
        {
            if (article.Problem is not null)
            {
                yield return article with { Row = number++ };
                continue;
            }

            foreach (var row in Rows(QuestionFiles.Cmrc(article.Value), () => number++))
                yield return row;
        }
    }

    private static IEnumerable<DataRow> Rows(IEnumerable<JsonObject> questions, Func<int> next)
    {
        foreach (var question in questions)
        {
            var raw = JsonSerializer.SerializeToUtf8Bytes(question, RowFields.Plain);
            using var document = JsonDocument.Parse(raw);
            var row = next();
            yield return new DataRow(row, row + 1, document.RootElement, raw, null);
        }
    }
}

/// <summary>Rows whose columns a person gave a meaning: the fields are called by it, other columns keep their names.</summary>
/// <param name="source">The file.</param>
/// <param name="mapping">Field to column; a column that begins with <c>=</c> is a text that all rows get.</param>
internal sealed class MappedSource(IRowSource source, IReadOnlyDictionary<string, string> mapping) : IRowSource
{
    /// <inheritdoc />
    public string Container => source.Container;

    /// <inheritdoc />
    public IReadOnlyList<string>? Columns => source.Columns;

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        foreach (var row in source.Rows())
        {
            if (row.Problem is not null || row.Value.ValueKind != JsonValueKind.Object)
            {
                yield return row;
                continue;
            }

            using var document = JsonDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(Renamed(row.Value), RowFields.Plain));
            yield return row with { Value = document.RootElement };
        }
    }

    private JsonObject Renamed(JsonElement row)
    {
        var renamed = new JsonObject();
        foreach (var (field, column) in mapping.Where(pair => pair.Value.Length > 0))
        {
            renamed[field] = column[0] == '=' ? column[1..]
                : Path(row, column) is { } value ? value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False && field != "label" ? RowFields.Any(value) : RowFields.Node(value)
                : null;
        }

        foreach (var property in row.EnumerateObject().Where(property => !mapping.Values.Contains(property.Name) && !mapping.ContainsKey(property.Name)))
            renamed[property.Name] = RowFields.Node(property.Value);
        return renamed;
    }

    /// <summary>A column, or a field inside fields: <c>data.text</c>.</summary>
    private static JsonElement? Path(JsonElement row, string path)
    {
        if (RowFields.Find(row, path) is { } direct)
            return direct;
        JsonElement? at = row;
        foreach (var part in path.Split('.'))
            at = at is { } value ? RowFields.Find(value, part) : null;
        return at;
    }
}
