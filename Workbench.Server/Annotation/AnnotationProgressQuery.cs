using Microsoft.Data.Sqlite;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;

namespace Workbench.Server.Annotation;

/// <summary>How far a dataset is, and where to go next. Nothing here writes.</summary>
internal static class AnnotationProgressQuery
{
    public static AnnotationProgress Read(SqliteConnection connection, string layer)
    {
        using var command = WorkingFile.Command(connection, """
            SELECT coalesce(sum(d.state = 'done'), 0), coalesce(sum(d.state = 'skipped'), 0), coalesce(sum(json_array_length(d.spans)), 0), coalesce(sum(json_array_length(d.relations)), 0)
            FROM annotation_documents d JOIN records r ON r.id = d.record WHERE d.layer = $layer
            """, ("$layer", layer));
        using var reader = command.ExecuteReader();
        reader.Read();
        var records = (int)WorkingFile.Number(connection, "SELECT count(*) FROM records");
        return new AnnotationProgress(records, reader.GetInt32(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetInt32(3));
    }

    public static (int Number, int Total, string? Previous, string? Next) Neighbours(SqliteConnection connection, long position) => (
        (int)WorkingFile.Number(connection, "SELECT count(*) FROM records WHERE position <= $position", ("$position", position)),
        (int)WorkingFile.Number(connection, "SELECT count(*) FROM records"),
        Text(connection, "SELECT id FROM records WHERE position < $position ORDER BY position DESC LIMIT 1", ("$position", position)),
        Text(connection, "SELECT id FROM records WHERE position > $position ORDER BY position LIMIT 1", ("$position", position)));

    /// <summary>The next record that is neither done nor skipped, from the beginning again behind the last.</summary>
    public static string? NextOpen(SqliteConnection connection, string layer, long position, string? but) => Text(connection, """
        SELECT r.id FROM records r LEFT JOIN annotation_documents d ON d.record = r.id AND d.layer = $layer
        WHERE (d.state IS NULL OR d.state = 'open') AND r.id IS NOT $but ORDER BY r.position <= $position, r.position LIMIT 1
        """, ("$layer", layer), ("$position", position), ("$but", but));

    private static string? Text(SqliteConnection connection, string sql, params (string, object?)[] parameters)
    {
        using var command = WorkingFile.Command(connection, sql, parameters);
        return command.ExecuteScalar() as string;
    }
}
