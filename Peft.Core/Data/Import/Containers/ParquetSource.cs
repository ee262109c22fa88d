using System.Text;
using System.Text.Json;
using DuckDB.NET.Data;

namespace Peft.Core.Data.Import.Containers;

/// <summary>Rows of a Parquet file, read by DuckDB, nested values as JSON.</summary>
internal sealed class ParquetSource : IRowSource
{
    private readonly string path;
    private readonly string label;

    /// <param name="path">The file.</param>
    /// <param name="label">Its name for messages.</param>
    public ParquetSource(string path, string label)
    {
        (this.path, this.label) = (path, label);
        var columns = new List<string>();
        using var connection = Connect();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet({Quoted(path)}))";
        try
        {
            using var reader = command.ExecuteReader();
            while (reader.Read())
                columns.Add(reader.GetString(0));
        }
        catch (DuckDBException error)
        {
            throw Refused(error);
        }

        Columns = columns;
    }

    /// <inheritdoc />
    public string Container => "parquet";

    /// <inheritdoc />
    public IReadOnlyList<string> Columns { get; }

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        using var connection = Connect();
        using var command = connection.CreateCommand();
        command.UseStreamingMode = true;
        command.CommandText = $"SELECT to_json(t)::VARCHAR FROM read_parquet({Quoted(path)}) t";
        using var reader = Guard(() => command.ExecuteReader());
        var row = 0;
        while (Guard(reader.Read))
        {
            var raw = Encoding.UTF8.GetBytes(reader.GetString(0));
            using var document = JsonDocument.Parse(raw, new JsonDocumentOptions { MaxDepth = 64 });
            yield return new DataRow(row, row + 1, document.RootElement, raw, null);
            row++;
        }
    }

    private static DuckDBConnection Connect()
    {
        var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();

        // One file is read, nothing else: no network, no extensions from elsewhere, little memory.
        command.CommandText = "SET memory_limit='512MB'; SET threads=2; SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;";
        command.ExecuteNonQuery();
        return connection;
    }

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (DuckDBException error)
        {
            throw Refused(error);
        }
    }

    private PeftException Refused(DuckDBException error) => new($"{label}: the Parquet file cannot be read: {error.Message}", error);

    private static string Quoted(string text) => "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";
}
