using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Peft.Core;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>Changes to a working file. Each is one transaction: it happens wholly or not at all.</summary>
internal sealed class DatasetEditor(TimeProvider time, Storage.ICurrentPerson person)
{
    internal static string Words(DatasetKind kind) => kind switch
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
        if (content == new RecordContent(old.Instruction, old.Input, old.Output, old.Source, content.Form, content.Kind, old.Data?.GetRawText(), content.Beside) && save.Split == old.Split)
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
        return Said(save, old, kind, source) with { Beside = old?.Beside?.GetRawText() };
    }

    private static RecordContent Said(SaveRecord save, RecordDto? old, DatasetKind? kind, string source)
    {
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
