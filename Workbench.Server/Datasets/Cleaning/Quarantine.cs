using System.Text;
using Microsoft.Data.Sqlite;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Cleaning;

/// <summary>What is set aside in a working file. A record counts as set aside as long as it is not among the records, so that undo and redo need no more.</summary>
internal sealed class Quarantine(TimeProvider time, Storage.ICurrentPerson person)
{
    private const string Aside = "FROM quarantine q LEFT JOIN versions v ON v.id = q.version LEFT JOIN contents c ON c.id = v.content WHERE (q.record IS NULL OR NOT EXISTS (SELECT 1 FROM records r WHERE r.id = q.record))";

    public static QuarantinePage Page(SqliteConnection connection, string? reason, int offset, int limit)
    {
        var reasons = new List<QuarantineReason>();
        using (var command = WorkingFile.Command(connection, $"SELECT q.reason, count(*), max(q.record IS NOT NULL) {Aside} GROUP BY q.reason ORDER BY 2 DESC"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                reasons.Add(new QuarantineReason(reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2) == 1));
        }

        var items = new List<QuarantinedDto>();
        using (var command = WorkingFile.Command(connection,
            $"SELECT q.id, q.source, q.reason, q.detail, c.instruction, c.input, c.output, q.raw {Aside} AND ($reason IS NULL OR q.reason = $reason) ORDER BY q.rowid LIMIT $limit OFFSET $offset",
            ("$reason", reason), ("$limit", limit), ("$offset", offset)))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                items.Add(new QuarantinedDto(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3),
                    reader.IsDBNull(4) ? null : new CleaningText(reader.GetString(4), reader.GetString(5), reader.GetString(6)),
                    reader.IsDBNull(7) ? null : Encoding.UTF8.GetString((byte[])reader.GetValue(7))));
            }
        }

        return new QuarantinePage(reasons.Where(one => reason is null || one.Reason == reason).Sum(one => one.Count), offset, reasons, items);
    }

    /// <summary>Brings records back exactly as they were, as one change that can be undone. Rows that never became records stay.</summary>
    public int Restore(WorkingFile file, RestoreOrder order)
    {
        using var connection = file.Connect();
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        var rows = new List<(string Record, long Version, int Split, long Position, long Content)>();
        using (var command = WorkingFile.Command(connection, $"SELECT q.record, v.split, v.position, v.content, q.id {Aside} AND q.record IS NOT NULL AND ($reason IS NULL OR q.reason = $reason)", ("$reason", order.Reason)))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                if (order.Ids is null || order.Ids.Contains(reader.GetString(4)))
                    rows.Add((reader.GetString(0), 0, reader.GetInt32(1), reader.GetInt64(2), reader.GetInt64(3)));
            }
        }

        if (rows.Count == 0)
            return 0;
        log.Begin("restore", $"Bring back {rows.Count} records");
        foreach (var row in rows)
            log.Put(row.Record, null, (DatasetSplit)row.Split, row.Position, row.Content);
        log.Commit();
        return rows.Count;
    }

    /// <summary>Writes the rows that were refused, each as it stood in its file.</summary>
    public static void WriteRefused(SqliteConnection connection, Stream target)
    {
        using var command = WorkingFile.Command(connection, "SELECT source, detail, raw FROM quarantine WHERE record IS NULL ORDER BY rowid");
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var source = reader.GetString(0);
            var colon = source.LastIndexOf(':');
            var line = colon > 0 && int.TryParse(source[(colon + 1)..], out var number) ? number : 0;
            RefusedRows.Write(target, colon > 0 ? source[..colon] : source, line, ImportNote.Refused(reader.GetString(1)), reader.IsDBNull(2) ? [] : (byte[])reader.GetValue(2));
        }
    }
}
