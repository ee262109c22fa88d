using Microsoft.Data.Sqlite;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>
/// Operations of a working file within one transaction. Undo and redo are operations, too: the log only grows, and what can be undone
/// follows from reading it.
/// </summary>
internal sealed class OperationLog : IDisposable
{
    private readonly SqliteTransaction _transaction;
    private readonly long _now;
    private readonly string _person;
    private SqliteCommand? _addContent;
    private SqliteCommand? _addVersion;
    private SqliteCommand? _setRecord;
    private SqliteCommand? _addChange;
    private long _operation;

    public OperationLog(SqliteConnection connection, DateTimeOffset now, string person)
    {
        Connection = connection;
        _transaction = connection.BeginTransaction();
        _now = now.ToUnixTimeMilliseconds();
        _person = person;
    }

    public SqliteConnection Connection { get; }

    /// <summary>Starts an operation; everything that follows belongs to it.</summary>
    public void Begin(string kind, string text, long? target = null)
    {
        WorkingFile.Execute(Connection, "INSERT INTO operations(kind, text, target, at, person) VALUES($kind, $text, $target, $at, $person)",
            ("$kind", kind), ("$text", text), ("$target", target), ("$at", _now), ("$person", _person));
        _operation = WorkingFile.Number(Connection, "SELECT last_insert_rowid()");
    }

    /// <summary>Says what the operation turned out to be.</summary>
    public void Rename(string text) => WorkingFile.Execute(Connection, "UPDATE operations SET text = $text WHERE seq = $seq", ("$text", text), ("$seq", _operation));

    public long AddContent(RecordContent content)
    {
        _addContent ??= Prepare("""
            INSERT INTO contents(instruction, input, output, source, form, problems, kind, data, beside)
            VALUES($instruction, $input, $output, $source, $form, $problems, $kind, $data, $beside) RETURNING id
            """);
        Set(_addContent, ("$instruction", content.Instruction), ("$input", content.Input), ("$output", content.Output), ("$source", content.Source),
            ("$form", content.FormJson), ("$problems", content.Problems),
            ("$kind", content.Kind == DatasetKind.Instruction ? null : content.Kind.ToString()), ("$data", content.Data), ("$beside", content.Beside));
        return (long)_addContent.ExecuteScalar()!;
    }

    /// <summary>Gives a record a new state.</summary>
    public void Put(string record, long? before, DatasetSplit split, long position, long content)
    {
        var after = AddVersion(record, split, position, content);
        _setRecord ??= Prepare("INSERT OR REPLACE INTO records(id, version, split, position, content) VALUES($record, $version, $split, $position, $content)");
        Set(_setRecord, ("$record", record), ("$version", after), ("$split", (int)split), ("$position", position), ("$content", content));
        _setRecord.ExecuteNonQuery();
        Change(record, before, after);
    }

    /// <summary>Keeps a state of a record without showing the record: it can be brought back from the quarantine.</summary>
    public long AddVersion(string record, DatasetSplit split, long position, long content)
    {
        _addVersion ??= Prepare("INSERT INTO versions(record, split, position, content) VALUES($record, $split, $position, $content) RETURNING id");
        Set(_addVersion, ("$record", record), ("$split", (int)split), ("$position", position), ("$content", content));
        return (long)_addVersion.ExecuteScalar()!;
    }

    /// <summary>Puts a record (by the state it had) or a row that never became one into the quarantine, with the reason.</summary>
    public void SetAside(string? record, long? version, byte[]? raw, string source, string reason, string detail, string? other = null) =>
        WorkingFile.Execute(Connection, """
            INSERT OR REPLACE INTO quarantine(id, record, version, raw, source, reason, detail, other, operation)
            VALUES($id, $record, $version, $raw, $source, $reason, $detail, $other, $operation)
            """,
            ("$id", record ?? Ulid.NewUlid().ToString()), ("$record", record), ("$version", version), ("$raw", raw), ("$source", source), ("$reason", reason),
            ("$detail", detail), ("$other", other), ("$operation", _operation));

    public void Remove(string record, long before)
    {
        WorkingFile.Execute(Connection, "DELETE FROM records WHERE id = $record", ("$record", record));
        Change(record, before, null);
    }

    /// <summary>Takes back the last operation that counts, or brings back the last one taken back. False when there is none.</summary>
    public bool Reverse(bool redo)
    {
        var (undo, again) = Stacks(Connection);
        var stack = redo ? again : undo;
        if (stack.Count == 0)
            return false;
        var (target, text) = stack.Peek();
        var column = redo ? "after" : "before";
        Begin(redo ? "redo" : "undo", text, target);
        WorkingFile.Execute(Connection, $"DELETE FROM records WHERE id IN (SELECT record FROM changes WHERE operation = $target AND {column} IS NULL)", ("$target", target));
        WorkingFile.Execute(Connection, $"""
            INSERT OR REPLACE INTO records(id, version, split, position, content)
            SELECT v.record, v.id, v.split, v.position, v.content FROM changes c JOIN versions v ON v.id = c.{column} WHERE c.operation = $target
            """, ("$target", target));
        return true;
    }

    public void Commit() => _transaction.Commit();

    public void Dispose()
    {
        _addContent?.Dispose();
        _addVersion?.Dispose();
        _setRecord?.Dispose();
        _addChange?.Dispose();
        _transaction.Dispose();
    }

    /// <summary>Number of the newest operation; grows with every change.</summary>
    public static long Revision(SqliteConnection connection) => WorkingFile.Number(connection, "SELECT max(seq) FROM operations");

    /// <summary>What undo and redo would act on, newest on top.</summary>
    public static (Stack<(long Seq, string Text)> Undo, Stack<(long Seq, string Text)> Redo) Stacks(SqliteConnection connection)
    {
        var (undo, redo) = (new Stack<(long, string)>(), new Stack<(long, string)>());
        using var command = WorkingFile.Command(connection, "SELECT seq, kind, text FROM operations ORDER BY seq");
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            switch (reader.GetString(1))
            {
                case "undo":
                    redo.Push(undo.Pop());
                    break;
                case "redo":
                    undo.Push(redo.Pop());
                    break;
                default:
                    undo.Push((reader.GetInt64(0), reader.GetString(2)));
                    redo.Clear();
                    break;
            }
        }

        return (undo, redo);
    }

    private void Change(string record, long? before, long? after)
    {
        _addChange ??= Prepare("INSERT INTO changes(operation, record, before, after) VALUES($operation, $record, $before, $after)");
        Set(_addChange, ("$operation", _operation), ("$record", record), ("$before", before), ("$after", after));
        _addChange.ExecuteNonQuery();
    }

    private SqliteCommand Prepare(string sql) => WorkingFile.Command(Connection, sql);

    private static void Set(SqliteCommand command, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        if (command.Parameters.Count == 0)
        {
            foreach (var (name, value) in values)
                command.Parameters.AddWithValue(name, value ?? DBNull.Value);
            return;
        }

        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i].Value ?? DBNull.Value;
    }
}
