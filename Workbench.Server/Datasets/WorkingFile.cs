using Microsoft.Data.Sqlite;

namespace Workbench.Server.Datasets;

/// <summary>
/// The one file that holds a dataset while people work on it. Contents and versions are only ever added; <c>records</c> says which version
/// counts now, and <c>changes</c> what every operation replaced by what, so that undo and redo work after any restart.
/// </summary>
public sealed class WorkingFile(string path)
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS contents(
            id INTEGER PRIMARY KEY, instruction TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL, source TEXT NOT NULL, form TEXT,
            problems INTEGER NOT NULL, kind TEXT, data TEXT, beside TEXT);
        CREATE TABLE IF NOT EXISTS versions(
            id INTEGER PRIMARY KEY, record TEXT NOT NULL, split INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS records(
            id TEXT PRIMARY KEY, version INTEGER NOT NULL, split INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS records_by_position ON records(position, content);
        CREATE INDEX IF NOT EXISTS records_by_split ON records(split, position, content);
        CREATE INDEX IF NOT EXISTS records_by_content ON records(content);
        CREATE INDEX IF NOT EXISTS contents_with_problems ON contents(id, problems) WHERE problems > 0;
        CREATE TABLE IF NOT EXISTS operations(
            seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, text TEXT NOT NULL, target INTEGER, at INTEGER NOT NULL, person TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS changes(
            operation INTEGER NOT NULL, record TEXT NOT NULL, before INTEGER, after INTEGER, PRIMARY KEY(operation, record)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS quarantine(
            id TEXT PRIMARY KEY, record TEXT, version INTEGER, raw BLOB, source TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, other TEXT,
            operation INTEGER NOT NULL);
        CREATE INDEX IF NOT EXISTS quarantine_by_record ON quarantine(record);
        """;

    /// <summary>Files of version 0 lack the columns for records that are no instructions, files of version 1 what is beside a record.</summary>
    private const int Version = 2;

    private bool _current;

    public string Path { get; } = path;

    public bool Exists => File.Exists(Path);

    private string ConnectionString { get; } = new SqliteConnectionStringBuilder { DataSource = path, ForeignKeys = true, DefaultTimeout = 60 }.ToString();

    /// <summary>Makes the file; harmless when it exists.</summary>
    public void Create()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        using var connection = Connect();
        Execute(connection, "PRAGMA journal_mode=WAL");
        Execute(connection, Schema);
        Execute(connection, $"PRAGMA user_version={Version}");
    }

    /// <summary>A connection to the existing file; the caller disposes it.</summary>
    public SqliteConnection Connect()
    {
        var connection = new SqliteConnection(ConnectionString);
        connection.Open();
        Execute(connection, "PRAGMA synchronous=NORMAL");
        if (!_current)
            Update(connection);
        return connection;
    }

    /// <summary>Lets go of the file, so that it can be moved or deleted.</summary>
    public void Release()
    {
        using var connection = new SqliteConnection(ConnectionString);
        SqliteConnection.ClearPool(connection);
    }

    private void Update(SqliteConnection connection)
    {
        using (var transaction = connection.BeginTransaction())
        {
            if (Number(connection, "SELECT count(*) FROM pragma_table_info('contents')") > 0)
            {
                foreach (var column in (string[])["kind", "data", "beside"])
                {
                    if (Number(connection, "SELECT count(*) FROM pragma_table_info('contents') WHERE name = $name", ("$name", column)) == 0)
                        Execute(connection, $"ALTER TABLE contents ADD COLUMN {column} TEXT");
                }

                Execute(connection, Schema);
                Execute(connection, $"PRAGMA user_version={Version}");
            }

            transaction.Commit();
        }

        _current = true;
    }

    internal static void Execute(SqliteConnection connection, string sql, params (string Name, object? Value)[] parameters)
    {
        using var command = Command(connection, sql, parameters);
        command.ExecuteNonQuery();
    }

    internal static long Number(SqliteConnection connection, string sql, params (string Name, object? Value)[] parameters)
    {
        using var command = Command(connection, sql, parameters);
        return command.ExecuteScalar() is long value ? value : 0;
    }

    internal static SqliteCommand Command(SqliteConnection connection, string sql, params (string Name, object? Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}
