using System.Text.Json;
using Microsoft.Data.Sqlite;
using Peft.Core.Data.Annotation;
using Workbench.Server.Datasets;

namespace Workbench.Server.Annotation;

/// <summary>What is kept of a text that somebody annotates.</summary>
/// <param name="Record">The record.</param>
/// <param name="Layer">Whose copy: empty for the record itself, else the annotator's name.</param>
/// <param name="Content">The content of the record that this was last brought in line with.</param>
/// <param name="Text">The text with its marks.</param>
/// <param name="Candidates">Relations that the record's instruction asks for by itself.</param>
/// <param name="State">How far it is.</param>
/// <param name="Revision">Number of the newest operation on it.</param>
internal sealed record AnnotationRow(
    string Record, string Layer, long Content, AnnotatedText Text, IReadOnlyList<string> Candidates, AnnotationState State, long Revision);

/// <summary>An operation of the log.</summary>
internal sealed record LoggedOperation(long Seq, string Record, string Layer, string Person, long At, AnnotationOperation Operation);

/// <summary>The annotation tables of a working file. Operations and schemas are only ever added; documents say what counts now.</summary>
internal static class AnnotationFile
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS annotation_schemas(version INTEGER PRIMARY KEY, schema TEXT NOT NULL, at INTEGER NOT NULL, person TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS annotation_documents(
            record TEXT NOT NULL, layer TEXT NOT NULL, content INTEGER NOT NULL, text TEXT NOT NULL, spans TEXT NOT NULL, relations TEXT NOT NULL,
            candidates TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(record, layer)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS annotation_operations(
            seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL, layer TEXT NOT NULL, body TEXT NOT NULL,
            at INTEGER NOT NULL, person TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS annotation_operations_by_record ON annotation_operations(record, layer, seq);
        """;

    private const string Columns = "d.record, d.layer, d.content, d.text, d.spans, d.relations, d.candidates, d.state, d.reason, d.revision";
    private const string LogColumns = "seq, record, layer, person, at, body";

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>A connection to a file that has the tables.</summary>
    public static SqliteConnection Open(WorkingFile file)
    {
        var connection = file.Connect();
        WorkingFile.Execute(connection, Schema);
        return connection;
    }

    public static (int Version, AnnotationSchema Schema)? NewestSchema(SqliteConnection connection)
    {
        using var command = WorkingFile.Command(connection, "SELECT version, schema FROM annotation_schemas ORDER BY version DESC LIMIT 1");
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt32(0), Read<AnnotationSchema>(reader.GetString(1))) : null;
    }

    public static void AddSchema(SqliteConnection connection, int version, AnnotationSchema schema, long at, string person) =>
        WorkingFile.Execute(connection, "INSERT INTO annotation_schemas(version, schema, at, person) VALUES($version, $schema, $at, $person)",
            ("$version", version), ("$schema", Write(schema)), ("$at", at), ("$person", person));

    public static AnnotationRow? Find(SqliteConnection connection, string record, string layer)
    {
        using var command = WorkingFile.Command(connection, $"SELECT {Columns} FROM annotation_documents d WHERE d.record = $record AND d.layer = $layer", ("$record", record), ("$layer", layer));
        return Rows(command).FirstOrDefault();
    }

    /// <summary>Every document of records that exist, in the order of the records.</summary>
    public static IEnumerable<AnnotationRow> All(SqliteConnection connection, string? layer)
    {
        using var command = WorkingFile.Command(connection,
            $"SELECT {Columns} FROM annotation_documents d JOIN records r ON r.id = d.record WHERE $layer IS NULL OR d.layer = $layer ORDER BY r.position, d.layer", ("$layer", layer));
        foreach (var row in Rows(command))
            yield return row;
    }

    public static void Put(SqliteConnection connection, AnnotationRow row) => WorkingFile.Execute(connection, """
        INSERT OR REPLACE INTO annotation_documents(record, layer, content, text, spans, relations, candidates, state, reason, revision)
        VALUES($record, $layer, $content, $text, $spans, $relations, $candidates, $state, $reason, $revision)
        """,
        ("$record", row.Record), ("$layer", row.Layer), ("$content", row.Content), ("$text", row.Text.Text), ("$spans", Write(row.Text.Spans)),
        ("$relations", Write(row.Text.Relations)), ("$candidates", Write(row.Candidates)), ("$state", row.State.Name), ("$reason", row.State.Reason),
        ("$revision", row.Revision));

    /// <summary>Adds an operation and gives its number.</summary>
    public static long Log(SqliteConnection connection, string record, string layer, AnnotationOperation operation, long at, string person)
    {
        WorkingFile.Execute(connection, "INSERT INTO annotation_operations(id, record, layer, body, at, person) VALUES($id, $record, $layer, $body, $at, $person)",
            ("$id", operation.Id), ("$record", record), ("$layer", layer), ("$body", Write(operation)), ("$at", at), ("$person", person));
        return WorkingFile.Number(connection, "SELECT last_insert_rowid()");
    }

    public static LoggedOperation? Logged(SqliteConnection connection, string id)
    {
        using var command = WorkingFile.Command(connection, $"SELECT {LogColumns} FROM annotation_operations WHERE id = $id", ("$id", id));
        return Operations(command).FirstOrDefault();
    }

    /// <summary>The newest operations of a layer (of one record, where one is named), oldest first.</summary>
    public static IReadOnlyList<LoggedOperation> Newest(SqliteConnection connection, string layer, string? record, int count)
    {
        using var command = WorkingFile.Command(connection,
            $"SELECT {LogColumns} FROM annotation_operations WHERE layer = $layer AND ($record IS NULL OR record = $record) ORDER BY seq DESC LIMIT $count",
            ("$layer", layer), ("$record", record), ("$count", count));
        return [.. Operations(command).Reverse()];
    }

    private static IEnumerable<AnnotationRow> Rows(SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return new AnnotationRow(
                reader.GetString(0), reader.GetString(1), reader.GetInt64(2),
                new AnnotatedText(reader.GetString(3), Read<AnnotatedSpan[]>(reader.GetString(4)), Read<AnnotatedRelation[]>(reader.GetString(5))),
                Read<string[]>(reader.GetString(6)), new AnnotationState(reader.GetString(7), reader.GetString(8)), reader.GetInt64(9));
        }
    }

    private static IEnumerable<LoggedOperation> Operations(SqliteCommand command)
    {
        using var reader = command.ExecuteReader();
        while (reader.Read())
            yield return new LoggedOperation(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4), Read<AnnotationOperation>(reader.GetString(5)));
    }

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, Json);

    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Json)!;
}
