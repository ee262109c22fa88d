using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets.Import;

namespace Workbench.Server.Datasets;

/// <summary>Changes to a working file. Each is one transaction: it happens wholly or not at all.</summary>
internal sealed class DatasetEditor(TimeProvider time, Storage.ICurrentPerson person)
{
    private const int PreviewRows = 20;
    private const int NamedProblems = 10_000;

    /// <summary>What reading this text would give, for a dataset that does not exist yet.</summary>
    public static ImportReport Preview(string fileName, byte[] bytes, DatasetSplit? split) => Read(fileName, bytes, split, 0, null, null);

    /// <summary>Reads a file into the dataset; with <paramref name="commit"/> false only says what would happen.</summary>
    public ImportReport Import(WorkingFile file, string fileName, byte[] bytes, DatasetSplit? split, bool commit)
    {
        using var connection = file.Connect();
        using var log = commit ? Begin(connection, "import", $"Import {fileName}") : null;
        return Read(fileName, bytes, split, RecordQueries.NextPosition(connection), log, RecordQueries.Kind(connection));
    }

    /// <param name="fileName">Name for messages and for where records come from.</param>
    /// <param name="bytes">The file.</param>
    /// <param name="split">Split of rows that name none.</param>
    /// <param name="position">Place of the first new record.</param>
    /// <param name="log">Where records are put; null only looks.</param>
    /// <param name="into">Kind of the records that are there already; null when there are none.</param>
    private static ImportReport Read(string fileName, byte[] bytes, DatasetSplit? split, long position, OperationLog? log, DatasetKind? into)
    {
        var reader = new ImportFile(fileName, bytes);
        if (into is { } kind && kind != reader.Kind)
            return new ImportReport(reader.Format, 0, 1, [new ImportProblem(fileName, 1, null, null, $"The file holds {Words(reader.Kind)}, but the dataset holds {Words(kind)}. Make a new dataset for this file.")], [], false, reader.Kind);
        var problems = new List<ImportProblem>();
        var preview = new List<RecordDto>();
        var (accepted, refused) = (0, 0);
        foreach (var row in reader.Rows())
        {
            if (row.Content is null)
            {
                refused++;
                if (problems.Count < NamedProblems)
                    problems.Add(new ImportProblem(fileName, row.Line, row.Column, row.Field, row.Problem!));
                continue;
            }

            var record = new RecordDto(NewId(), split ?? row.Split ?? DatasetSplit.Train, (int)position, row.Content.Instruction, row.Content.Input,
                row.Content.Output, row.Content.Source, row.Content.Form,
                row.Content.Data is { } data ? JsonSerializer.Deserialize<JsonElement>(data) : null);
            log?.Put(record.Id, null, record.Split, position, log.AddContent(row.Content));
            if (preview.Count < PreviewRows)
                preview.Add(record);
            position++;
            accepted++;
        }

        if (accepted + refused == 0)
            problems.Add(new ImportProblem(fileName, 1, null, null, "The file holds no record: it is empty. Expected a JSON list or one JSON object per line."));
        if (refused > problems.Count)
            problems.Add(new ImportProblem(fileName, problems[^1].Line, null, null, $"{refused - problems.Count} more rows were refused; correct the first ones and import again."));
        var committed = log is not null && accepted > 0;
        if (committed)
        {
            log!.Rename($"Import {accepted} records from {fileName}");
            log.Commit();
        }

        return new ImportReport(reader.Format, accepted, refused, problems, preview, committed, reader.Kind);
    }

    private static string Words(DatasetKind kind) => kind switch
    {
        DatasetKind.Classification => "texts with labels",
        DatasetKind.Tagging => "texts with entities",
        DatasetKind.QuestionAnswering => "questions with answers",
        DatasetKind.Text => "plain texts",
        _ => "instructions",
    };

    public RecordDto Add(WorkingFile file, SaveRecord save)
    {
        using var connection = file.Connect();
        var content = Content(save, null, RecordQueries.Kind(connection));
        using var log = Begin(connection, "add", "Add record");
        var id = NewId();
        log.Put(id, null, save.Split, RecordQueries.NextPosition(connection), log.AddContent(content));
        log.Commit();
        return RecordQueries.Find(connection, id)!;
    }

    /// <summary>Null when there is no such record.</summary>
    public RecordDto? Update(WorkingFile file, string id, SaveRecord save)
    {
        using var connection = file.Connect();
        using var log = Begin(connection, "edit", "Edit record");
        if (RecordQueries.State(connection, id) is not { } state)
            return null;
        var old = RecordQueries.Find(connection, id)!;
        var content = Content(save, old, RecordQueries.Kind(connection));
        if (content == new RecordContent(old.Instruction, old.Input, old.Output, old.Source, content.Form, content.Kind, old.Data?.GetRawText()) && save.Split == old.Split)
            return old;
        log.Put(id, state.Version, save.Split, state.Position, log.AddContent(content));
        log.Commit();
        return RecordQueries.Find(connection, id)!;
    }

    public bool Delete(WorkingFile file, string id)
    {
        using var connection = file.Connect();
        using var log = Begin(connection, "delete", "Delete record");
        if (RecordQueries.State(connection, id) is not { } state)
            return false;
        log.Remove(id, state.Version);
        log.Commit();
        return true;
    }

    /// <summary>False when there is nothing to take back (or to bring back).</summary>
    public bool Reverse(WorkingFile file, bool redo)
    {
        using var connection = file.Connect();
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        if (!log.Reverse(redo))
            return false;
        log.Commit();
        return true;
    }

    /// <summary>Deals the records anew; only those that change sides are written.</summary>
    public void Split(WorkingFile file, SplitDataset order)
    {
        if (order.Train < 0 || order.Dev < 0 || order.Test < 0 || order.Train + order.Dev + order.Test != 100)
            throw new PeftException($"The shares are {order.Train} + {order.Dev} + {order.Test}; they must not be negative and add up to 100.");
        using var connection = file.Connect();
        using var log = Begin(connection, "split", $"Split {order.Train}/{order.Dev}/{order.Test}, seed {order.Seed}");
        var rows = new List<(string Id, long Version, DatasetSplit Split, long Position, long Content, int Group)>();
        var groups = new Dictionary<string, int>(StringComparer.Ordinal);
        using (var command = WorkingFile.Command(connection, "SELECT r.id, r.version, r.split, r.position, r.content, c.input, c.instruction FROM records r JOIN contents c ON c.id = r.content ORDER BY r.position"))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                // Without input the instruction is the question.
                var text = reader.GetString(5) is { Length: > 0 } input ? input : reader.GetString(6);
                if (!groups.TryGetValue(text, out var group))
                    groups[text] = group = groups.Count;
                rows.Add((reader.GetString(0), reader.GetInt64(1), (DatasetSplit)reader.GetInt32(2), reader.GetInt64(3), reader.GetInt64(4), group));
            }
        }

        if (rows.Count == 0)
            throw new PeftException("The dataset is empty: there is nothing to split. Import or type records first.");
        var dealt = Splitter.Deal([.. rows.Select(row => row.Group)], order);
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows[i].Split != dealt[i])
                log.Put(rows[i].Id, rows[i].Version, dealt[i], rows[i].Position, rows[i].Content);
        }

        log.Commit();
    }

    private OperationLog Begin(SqliteConnection connection, string kind, string text)
    {
        var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        log.Begin(kind, text);
        return log;
    }

    private static RecordContent Content(SaveRecord save, RecordDto? old, DatasetKind? kind)
    {
        var source = old?.Source ?? "typed";
        if (save.Data is { } data)
        {
            // The first record decides what the dataset holds.
            var own = kind ?? TaskContents.Recognise(Encoding.UTF8.GetBytes(data.GetRawText()));
            return own != DatasetKind.Instruction ? TaskContents.Of(own, data, source)
                : throw new PeftException("This dataset holds instructions: give instruction, input and output.");
        }

        if (kind is not (null or DatasetKind.Instruction))
            throw new PeftException($"This dataset holds {Words(kind.Value)}, not instructions.");
        if (save.Form is { } form)
            return RelationForms.Content(form, source);
        var (instruction, input, output) = (save.Instruction ?? old?.Instruction ?? "", save.Input ?? old?.Input ?? "", save.Output ?? old?.Output ?? "");
        if (instruction.Length == 0 && input.Length == 0)
            throw new PeftException("The record has neither instruction nor input: there is no question to learn an answer to.");
        if (output.Length == 0)
            throw new PeftException("The record has no output: there is nothing to learn. For relation extraction without relations write 无.");
        return new RecordContent(instruction, input, output, source, RelationForms.TryRead(instruction, input, output));
    }

    private static string NewId() => Ulid.NewUlid().ToString();
}
