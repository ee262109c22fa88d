using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Peft.Core.Data;

namespace Peft.Core.Pretraining;

/// <summary>
/// The documents a base is made from: JSON lines with a text field, or plain text whose documents are separated by blank lines; each also
/// compressed with gzip. The content decides, not the file's name. A folder is read as a dataset: its training split, with its dev split held out.
/// </summary>
/// <param name="Documents">Documents to learn from.</param>
/// <param name="HeldOut">Documents that only measure.</param>
public sealed record Corpus(IReadOnlyList<string> Documents, IReadOnlyList<string> HeldOut)
{
    /// <summary>Reads a file or dataset folder.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="textField">Field of a JSON line that holds the text.</param>
    /// <param name="heldOut">Documents to hold out, the last ones; at most a tenth of all.</param>
    /// <exception cref="PeftException">Missing or damaged file, a line without the field (file and line are named), or no document.</exception>
    public static Corpus Read(string path, string textField, int heldOut)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(textField);
        if (Directory.Exists(path))
        {
            var dev = SplitFile(path, "dev");
            return new Corpus(
                ReadFile(SplitFile(path, "train") ?? throw new PeftException($"{path}: the folder holds no train.jsonl. Name a file, or a dataset with a training split."), textField),
                dev is null ? [] : [.. ReadFile(dev, textField).Take(heldOut)]);
        }

        var all = ReadFile(path, textField);
        var count = Math.Min(heldOut, all.Count / 10);
        return new Corpus([.. all.Take(all.Count - count)], [.. all.Skip(all.Count - count)]);
    }

    private static string? SplitFile(string folder, string split) =>
        new[] { ".jsonl", ".jsonl.gz", ".txt", ".txt.gz" }.Select(ending => Path.Combine(folder, split + ending)).FirstOrDefault(File.Exists);

    private static List<string> ReadFile(string path, string textField)
    {
        try
        {
            using var file = File.OpenRead(path);
            using var content = IsCompressed(file) ? new GZipStream(file, CompressionMode.Decompress) : (Stream)file;
            using var reader = new StreamReader(content, Encoding.UTF8);
            var documents = Parse(reader, path, textField);
            return documents.Count > 0 ? documents : throw new PeftException($"{path}: the corpus is empty; there is nothing to learn from.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new PeftException($"{path}: the corpus cannot be read: {e.Message}", e);
        }
    }

    private static bool IsCompressed(FileStream file)
    {
        var compressed = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
        file.Position = 0;
        return compressed;
    }

    private static List<string> Parse(StreamReader reader, string path, string textField)
    {
        var documents = new List<string>();
        var problems = new List<DataProblem>();
        var paragraph = new StringBuilder();
        bool? json = null;
        void End()
        {
            if (paragraph.Length > 0)
                documents.Add(paragraph.ToString());
            paragraph.Clear();
        }

        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                End();
                continue;
            }

            json ??= line.TrimStart().StartsWith('{');
            if (json.Value)
                Add(line, number);
            else
                paragraph.Append(paragraph.Length > 0 ? "\n" : "").Append(line);
        }

        End();
        DataFiles.Refuse(problems);
        return documents;

        void Add(string line, int number)
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                if (document.RootElement.ValueKind != JsonValueKind.Object)
                    problems.Add(new DataProblem(path, number, 1, null, $"expected an object with {textField}, found {JsonRows.Kind(document.RootElement)}."));
                else if (JsonRows.Text(document.RootElement, textField, required: true, path, number, problems) is { } text && !string.IsNullOrWhiteSpace(text))
                    documents.Add(text);
            }
            catch (JsonException e)
            {
                problems.Add(new DataProblem(path, number, (int)(e.BytePositionInLine ?? 0) + 1, null, $"this line is no JSON: {JsonRows.Plain(e)}"));
            }
        }
    }
}
