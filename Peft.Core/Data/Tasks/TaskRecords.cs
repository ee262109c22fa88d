using System.Text.Json;

namespace Peft.Core.Data.Tasks;

/// <summary>What was read of one kind from a text: the usable records with their lines, and the problems.</summary>
/// <param name="Records">Usable records in file order.</param>
/// <param name="Lines">Line of each record, from 1 (for SQuAD files the number of the question).</param>
/// <param name="Problems">Rows that cannot be used.</param>
public sealed record TaskFile<T>(IReadOnlyList<T> Records, IReadOnlyList<int> Lines, IReadOnlyList<DataProblem> Problems)
    where T : IDataRecord;

/// <summary>
/// Reads records of the tasks beyond instruction following: a JSON array, or one JSON object a line; questions also as SQuAD. Problems name
/// file, line and field.
/// </summary>
public static class TaskRecords
{
    /// <summary>Reads a file of texts with labels.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<ClassificationRecord> ReadClassification(string file) => Whole(file, ParseClassification(DataFiles.Bytes(file), file));

    /// <summary>Reads a file of texts with entities.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<TaggingRecord> ReadTagging(string file) => Whole(file, ParseTagging(DataFiles.Bytes(file), file));

    /// <summary>Reads a file of questions, one a line or as SQuAD.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<QuestionRecord> ReadQuestions(string file) => Whole(file, ParseQuestions(DataFiles.Bytes(file), file));

    /// <summary>Reads a file of texts.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<TextRecord> ReadText(string file) => Whole(file, ParseText(DataFiles.Bytes(file), file));

    /// <summary>Reads a file of conversations.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<ChatRecord> ReadChats(string file) => Whole(file, ParseChats(DataFiles.Bytes(file), file));

    /// <summary>Reads a file of any kind.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<IDataRecord> Read(string file, DatasetKind kind) => kind switch
    {
        DatasetKind.Instruction => InstructionReader.ReadFile(file),
        DatasetKind.Classification => ReadClassification(file),
        DatasetKind.Tagging => ReadTagging(file),
        DatasetKind.QuestionAnswering => ReadQuestions(file),
        DatasetKind.Chat => ReadChats(file),
        _ => ReadText(file),
    };

    /// <summary>Reads one line that holds one record.</summary>
    /// <param name="utf8">The line.</param>
    /// <param name="file">File name for messages.</param>
    /// <param name="line">Number of the line, from 1.</param>
    /// <param name="kind">Kind of the record.</param>
    /// <exception cref="PeftException">The row cannot be used; it is named.</exception>
    public static IDataRecord Row(ReadOnlyMemory<byte> utf8, string file, int line, DatasetKind kind)
    {
        (IReadOnlyList<IDataRecord> records, IReadOnlyList<DataProblem> problems) = kind switch
        {
            DatasetKind.Instruction when InstructionReader.Parse(utf8, file) is var read => (read.Records, read.Problems),
            DatasetKind.Classification when ParseClassification(utf8, file) is var read => (read.Records, read.Problems),
            DatasetKind.Tagging when ParseTagging(utf8, file) is var read => (read.Records, read.Problems),
            DatasetKind.QuestionAnswering when ParseQuestions(utf8, file) is var read => (read.Records, read.Problems),
            DatasetKind.Chat when ParseChats(utf8, file) is var read => (read.Records, read.Problems),
            _ when ParseText(utf8, file) is var read => (read.Records, read.Problems),
            _ => ((IReadOnlyList<IDataRecord>)[], (IReadOnlyList<DataProblem>)[]),
        };
        DataFiles.Refuse([.. problems.Select(problem => problem with { Line = line })]);
        return records is [var record] ? record : throw new PeftException($"{file}:{line}: expected one record a line.");
    }

    /// <summary>Reads texts with labels from UTF-8 bytes.</summary>
    public static TaskFile<ClassificationRecord> ParseClassification(ReadOnlyMemory<byte> utf8, string fileName) =>
        Parse(utf8, fileName, "object with text and label", Classification);

    /// <summary>Reads texts with entities from UTF-8 bytes.</summary>
    public static TaskFile<TaggingRecord> ParseTagging(ReadOnlyMemory<byte> utf8, string fileName) => Parse(utf8, fileName, "object with text and entities", Tagging);

    /// <summary>Reads questions from UTF-8 bytes: one a line, in an array, or a SQuAD file.</summary>
    public static TaskFile<QuestionRecord> ParseQuestions(ReadOnlyMemory<byte> utf8, string fileName)
    {
        if (SquadReader.TryParse(utf8, fileName) is { } squad)
            return squad;
        return Parse(utf8, fileName, "object with question, context and answers", Question);
    }

    /// <summary>Reads texts from UTF-8 bytes.</summary>
    public static TaskFile<TextRecord> ParseText(ReadOnlyMemory<byte> utf8, string fileName) =>
        Parse(utf8, fileName, "object with text", Text);

    /// <summary>Reads one row of a kind other than instructions; null when it cannot be used, which is noted.</summary>
    internal static IDataRecord? ReadRow(DatasetKind kind, JsonElement element, List<DataProblem> problems)
    {
        var row = new TaskRow(element, "", 1, problems);
        return kind switch
        {
            DatasetKind.Classification => Classification(row),
            DatasetKind.Tagging => Tagging(row),
            DatasetKind.QuestionAnswering => Question(row),
            _ => Text(row),
        };
    }

    /// <summary>Reads conversations from UTF-8 bytes, as messages or in ShareGPT's form.</summary>
    public static TaskFile<ChatRecord> ParseChats(ReadOnlyMemory<byte> utf8, string fileName) =>
        Parse(utf8, fileName, "object with messages", ChatReader.Read);

    /// <summary>Recognises the kind of a file by the fields of its first row; null when it fits none.</summary>
    public static DatasetKind? Recognise(ReadOnlyMemory<byte> utf8)
    {
        if (SquadReader.IsSquad(utf8))
            return DatasetKind.QuestionAnswering;
        DatasetKind? kind = null;
        var seen = false;
        JsonRows.Walk(FirstRow(utf8), "", "object", [], (row, _) =>
        {
            bool Has(string field) => row.TryGetProperty(field, out var _);
            if (!seen)
            {
                kind = ChatReader.IsChat(row) ? DatasetKind.Chat
                    : Has("instruction") || Has("output") ? DatasetKind.Instruction
                    : Has("entities") && !Has("relations") ? DatasetKind.Tagging
                    : Has("question") && Has("context") ? DatasetKind.QuestionAnswering
                    : Has("text") && Has("label") ? DatasetKind.Classification
                    : Has("text") && !Has("entities") ? DatasetKind.Text
                    : null;
            }

            seen = true;
        });
        return kind;
    }

    private static ClassificationRecord? Classification(TaskRow row)
    {
        var (text, label) = (row.Text("text"), row.Label());
        return row.Usable ? new ClassificationRecord(text!, label!) { Id = row.Optional("id"), TextPair = row.Optional("text_pair") } : null;
    }

    private static TaggingRecord? Tagging(TaskRow row)
    {
        var text = row.Text("text");
        var entities = row.Entities(text ?? "");
        return row.Usable ? new TaggingRecord(text!, entities) { Id = row.Optional("id") } : null;
    }

    private static QuestionRecord? Question(TaskRow row)
    {
        var (question, context) = (row.Text("question"), row.Text("context"));
        var answers = row.Answers(context ?? "");
        return row.Usable ? new QuestionRecord(question!, context!, answers) { Id = row.Optional("id") } : null;
    }

    private static TextRecord? Text(TaskRow row) => row.Text("text") is { } text && row.Usable ? new TextRecord(text) { Id = row.Optional("id") } : null;

    /// <summary>The first line that is not blank; an array whole, since its first element may span lines.</summary>
    private static ReadOnlyMemory<byte> FirstRow(ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        var first = utf8.Span.IndexOfAnyExcept(" \t\r\n"u8);
        if (first < 0 || utf8.Span[first] == (byte)'[')
            return utf8;
        var end = utf8.Span[first..].IndexOf((byte)'\n');
        return end < 0 ? utf8[first..] : utf8.Slice(first, end);
    }

    private static TaskFile<T> Parse<T>(ReadOnlyMemory<byte> utf8, string file, string expected, Func<TaskRow, T?> read)
        where T : class, IDataRecord
    {
        var (records, lines, problems) = (new List<T>(), new List<int>(), new List<DataProblem>());
        var (_, whole) = JsonRows.Walk(utf8, file, expected, problems, (element, line) =>
        {
            if (read(new TaskRow(element, file, line, problems)) is not { } record)
                return;
            records.Add(record);
            lines.Add(line);
        });
        return whole ? new TaskFile<T>(records, lines, problems) : new TaskFile<T>([], [], problems);
    }

    private static IReadOnlyList<T> Whole<T>(string file, TaskFile<T> read)
        where T : IDataRecord
    {
        DataFiles.Refuse(read.Problems);
        return read.Records.Count > 0 ? read.Records : throw new PeftException($"{file}: the dataset is empty.");
    }
}
