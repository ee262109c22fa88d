using System.Text.Json;
using Microsoft.Data.Sqlite;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>What a dataset holds, in numbers.</summary>
internal sealed record RecordCounts(int Train, int Dev, int Test, int Problems, DatasetKind Kind)
{
    public int Total => Train + Dev + Test;
}

/// <summary>Reading a working file. Nothing here writes.</summary>
internal static class RecordQueries
{
    private const string Columns = "r.id, r.split, r.position, c.instruction, c.input, c.output, c.source, c.form, c.data, c.beside";

    public static RecordCounts Counts(SqliteConnection connection)
    {
        var counts = new int[3];
        using (var command = WorkingFile.Command(connection, "SELECT split, count(*) FROM records GROUP BY split"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                counts[reader.GetInt32(0)] = reader.GetInt32(1);
        }

        var problems = WorkingFile.Number(connection, "SELECT coalesce(sum(c.problems), 0) FROM contents c CROSS JOIN records r ON r.content = c.id WHERE c.problems > 0");
        return new RecordCounts(counts[0], counts[1], counts[2], (int)problems, Kind(connection) ?? DatasetKind.Instruction);
    }

    /// <summary>What kind the records are of; null when there are none. All of a dataset are of one kind.</summary>
    public static DatasetKind? Kind(SqliteConnection connection)
    {
        using var command = WorkingFile.Command(connection, "SELECT c.kind FROM records r JOIN contents c ON c.id = r.content LIMIT 1");
        using var reader = command.ExecuteReader();
        return !reader.Read() ? null : reader.IsDBNull(0) ? DatasetKind.Instruction : Enum.Parse<DatasetKind>(reader.GetString(0));
    }

    /// <summary>Labels of texts; a label that begins and one that goes on for every type of entity, and one for none; null for other kinds.</summary>
    public static int? LabelCount(SqliteConnection connection, DatasetKind kind)
    {
        const string Rows = "FROM records r JOIN contents c ON c.id = r.content, json_each(c.data, ";
        switch (kind)
        {
            case DatasetKind.Classification:
                var numbers = WorkingFile.Number(connection, $"SELECT count(*) {Rows}'$.label') item WHERE item.type IN ('integer', 'real')");
                return numbers > 0 ? 1 : (int)WorkingFile.Number(connection, $"SELECT count(DISTINCT item.value) {Rows}'$.label') item");
            case DatasetKind.Tagging:
                return 1 + (2 * (int)WorkingFile.Number(connection, $"SELECT count(DISTINCT json_extract(item.value, '$.type')) {Rows}'$.entities') item"));
            default:
                return null;
        }
    }

    public static RecordPage Page(SqliteConnection connection, DatasetSplit? split, int offset, int limit, string? query)
    {
        var where = new List<string>();
        var parameters = new List<(string, object?)>();
        if (split is { } wanted)
        {
            where.Add("r.split = $split");
            parameters.Add(("$split", (int)wanted));
        }

        if (!string.IsNullOrWhiteSpace(query))
            return Search(connection, where, parameters, offset, limit, query.Trim());
        var filter = where.Count > 0 ? " WHERE " + where[0] : "";
        var total = (int)WorkingFile.Number(connection, $"SELECT count(*) FROM records r{filter}", [.. parameters]);
        // Positions come from an index alone; texts are read only for the rows of the page.
        var sql = $"""
            SELECT {Columns} FROM (SELECT r.id AS id, r.position AS position FROM records r{filter} ORDER BY r.position LIMIT $limit OFFSET $offset) p
            JOIN records r ON r.id = p.id JOIN contents c ON c.id = r.content ORDER BY p.position
            """;
        using var command = WorkingFile.Command(connection, sql, [.. parameters, ("$limit", limit), ("$offset", offset)]);
        return new RecordPage(total, offset, [.. Read(command)]);
    }

    /// <summary>Texts are read once: the rows found are counted while the page's are kept.</summary>
    private static RecordPage Search(SqliteConnection connection, List<string> where, List<(string, object?)> parameters, int offset, int limit, string query)
    {
        // Only Latin letters have cases that LIKE folds; without them the plain comparison finds the same, faster.
        var folds = query.Any(char.IsAsciiLetter);
        string[] fields = ["c.input", "c.output", "c.instruction"];
        where.Add("(" + string.Join(" OR ", fields.Select(field => folds ? $"{field} LIKE $query ESCAPE '\\'" : $"instr({field}, $query) > 0")) + ")");
        parameters.Add(("$query", folds ? $"%{Escape(query)}%" : query));
        var found = new List<string>();
        var sql = $"SELECT r.id FROM records r JOIN contents c ON c.id = r.content WHERE {string.Join(" AND ", where)} ORDER BY r.position";
        using (var command = WorkingFile.Command(connection, sql, [.. parameters]))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                found.Add(reader.GetString(0));
        }

        return new RecordPage(found.Count, offset, [.. found.Skip(offset).Take(limit).Select(id => Find(connection, id)).OfType<RecordDto>()]);
    }

    public static RecordDto? Find(SqliteConnection connection, string id)
    {
        using var command = WorkingFile.Command(connection, $"SELECT {Columns} FROM records r JOIN contents c ON c.id = r.content WHERE r.id = $id", ("$id", id));
        return Read(command).FirstOrDefault();
    }

    /// <summary>Every record of a split (or of all) in order, streamed.</summary>
    public static IEnumerable<RecordDto> All(SqliteConnection connection, DatasetSplit? split)
    {
        using var command = WorkingFile.Command(
            connection,
            $"SELECT {Columns} FROM records r JOIN contents c ON c.id = r.content WHERE $split IS NULL OR r.split = $split ORDER BY r.position",
            ("$split", (int?)split));
        foreach (var record in Read(command))
            yield return record;
    }

    /// <summary>The state that the next change of a record replaces; null when there is no such record.</summary>
    public static (long Version, DatasetSplit Split, long Position, long Content)? State(SqliteConnection connection, string id)
    {
        using var command = WorkingFile.Command(connection, "SELECT version, split, position, content FROM records WHERE id = $id", ("$id", id));
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), (DatasetSplit)reader.GetInt32(1), reader.GetInt64(2), reader.GetInt64(3)) : null;
    }

    public static long NextPosition(SqliteConnection connection) => WorkingFile.Number(connection, "SELECT coalesce(max(position), 0) + 1 FROM versions");

    private static IEnumerable<RecordDto> Read(SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return new RecordDto(
                reader.GetString(0), (DatasetSplit)reader.GetInt32(1), reader.GetInt32(2), reader.GetString(3), reader.GetString(4), reader.GetString(5),
                reader.GetString(6), RecordContent.ReadForm(reader.IsDBNull(7) ? null : reader.GetString(7)),
                reader.IsDBNull(8) ? null : JsonSerializer.Deserialize<JsonElement>(reader.GetString(8)),
                reader.IsDBNull(9) ? null : JsonSerializer.Deserialize<JsonElement>(reader.GetString(9)));
        }
    }

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal);
}
