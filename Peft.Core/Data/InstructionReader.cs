using System.Text;
using System.Text.Json;

namespace Peft.Core.Data;

/// <summary>
/// Reads instruction data: a JSON array, or one JSON object a line (the content decides, not the file's name). Every row that cannot be
/// used becomes a <see cref="DataProblem"/> that names line, column and field; the others are kept.
/// </summary>
public static class InstructionReader
{
    private const string Expected = "object with instruction, input and output";

    /// <summary>Reads a file and refuses it when any row is unusable or nothing is in it.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<InstructionRecord> ReadFile(string path)
    {
        var read = Parse(DataFiles.Bytes(path), path);
        DataFiles.Refuse(read.Problems);
        return read.Records.Count > 0
            ? read.Records
            : throw new PeftException($"{path}: the dataset is empty. Expected JSON objects with instruction, input and output, one a line or in one array.");
    }

    /// <summary>Reads a text that was dropped or pasted.</summary>
    public static InstructionFile Parse(string text, string fileName) => Parse(Encoding.UTF8.GetBytes(text), fileName);

    /// <summary>Reads UTF-8 bytes, with or without byte order mark.</summary>
    public static InstructionFile Parse(ReadOnlyMemory<byte> utf8, string fileName)
    {
        var (records, lines, problems) = (new List<InstructionRecord>(), new List<int>(), new List<DataProblem>());
        var (format, whole) = JsonRows.Walk(utf8, fileName, Expected, problems, (element, line) => Add(element, fileName, line, records, lines, problems));
        return whole ? new InstructionFile(format, records, lines, problems) : new InstructionFile(format, [], [], problems);
    }

    private static void Add(JsonElement element, string file, int line, List<InstructionRecord> records, List<int> lines, List<DataProblem> problems)
    {
        var before = problems.Count;
        var instruction = JsonRows.Text(element, "instruction", required: true, file, line, problems);
        var input = JsonRows.Text(element, "input", required: false, file, line, problems);
        var output = JsonRows.Text(element, "output", required: true, file, line, problems);
        var id = JsonRows.Text(element, "id", required: false, file, line, problems);
        var split = JsonRows.Text(element, "split", required: false, file, line, problems);
        if (problems.Count > before)
            return;
        if (output!.Length == 0)
        {
            problems.Add(new DataProblem(file, line, null, "output", "the answer is empty, so there is nothing to learn. Write the answer, or 无 when no triple is wanted."));
            return;
        }

        records.Add(new InstructionRecord(instruction!, input ?? "", output) { Id = id, Split = split });
        lines.Add(line);
    }
}
