using System.CommandLine;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Import;

namespace Peft.Cli.Commands;

/// <summary><c>peft data</c>: what the data pages do, on files.</summary>
internal static class DataCommand
{
    internal static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var command = new Command("data", "Bring data of other programs into a form that can be trained on.");
        command.Subcommands.Add(Import());
        return command;
    }

    private static Command Import()
    {
        var files = new Argument<string[]>("files") { Description = "Files, folders or archives.", Arity = ArgumentArity.OneOrMore };
        var target = new Option<string?>("--out") { Description = "Folder for the dataset (train/dev/test.jsonl and manifest.json). Without it nothing is written: the report says what would be read." };
        var layout = new Option<string?>("--layout") { Description = $"Layout of the rows; found out when absent. One of {string.Join(", ", DatasetImport.Layouts)}." };
        var encoding = new Option<string?>("--encoding") { Description = $"Encoding; found out when absent. One of {string.Join(", ", TextEncodings.Names)}." };
        var delimiter = new Option<string?>("--delimiter") { Description = "Character between the cells of a table." };
        var unit = new Option<string?>("--offset-unit") { Description = "Unit of offsets where the file proves none: codepoint or utf16." };
        var kind = new Option<string?>("--kind") { Description = $"Kind of the dataset: {string.Join(", ", DatasetKinds.Names)}." };
        var map = new Option<string[]>("--map") { Description = "Meaning of a column, field=column (e.g. instruction=问题); field==text gives all rows the same text.", Arity = ArgumentArity.ZeroOrMore };
        var join = new Option<string?>("--join") { Description = "What is put between the tokens of a token file." };
        var headless = new Option<bool>("--no-header") { Description = "The first row of a table is a record." };
        var refused = new Option<string?>("--refused") { Description = "File for the refused rows, each with its place and why." };
        var command = new Command("import", "Read files of other programs. Formats, encodings and layouts are found out and can be chosen; every refused or changed row is named.")
        {
            files, target, layout, encoding, delimiter, unit, kind, map, join, headless, refused,
        };
        command.SetAction(parsed =>
        {
            var options = new ImportOptions
            {
                Layout = parsed.GetValue(layout), Encoding = parsed.GetValue(encoding), Delimiter = parsed.GetValue(delimiter), TokenJoin = parsed.GetValue(join),
                HasHeader = !parsed.GetValue(headless), Mapping = Mapping(parsed.GetValue(map) ?? []),
                OffsetUnit = parsed.GetValue(unit) switch
                {
                    null => null,
                    "utf16" => OffsetUnit.Utf16,
                    "codepoint" => OffsetUnit.CodePoint,
                    var other => throw new PeftException($"Offset unit '{other}' is not known; use codepoint or utf16."),
                },
            };
            return Run(parsed.GetValue(files)!, options, parsed.GetValue(kind) is { } name ? DatasetKinds.Parse(name) : null, parsed.GetValue(target), parsed.GetValue(refused));
        });
        return command;
    }

    private static Dictionary<string, string>? Mapping(string[] pairs)
    {
        if (pairs.Length == 0)
            return null;
        var mapping = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            mapping[at > 0 ? pair[..at] : throw new PeftException($"--map '{pair}' is not of the form field=column.")] = pair[(at + 1)..];
        }

        return mapping;
    }

    private static int Run(string[] names, ImportOptions options, DatasetKind? kind, string? target, string? refusedFile)
    {
        var scratch = Path.Combine(Path.GetTempPath(), $"peft-import-{Ulid.NewUlid()}");
        try
        {
            var files = InputFiles.Expand(names.Select(name => new InputFile(name, name)), scratch, options.LargestUnpacked);
            var import = DatasetImport.Open(files, options);
            using var refused = refusedFile is null ? null : File.Create(refusedFile);
            var report = new DataImportReport(import, kind ?? RecordConverter.Suggest(import) ?? DatasetKind.Instruction, refused);
            report.Read();
            if (target is not null)
                report.Write(target);
            report.Print();
            return report.Accepted > 0 || target is null ? CommandLine.Success : CommandLine.Refused;
        }
        finally
        {
            if (Directory.Exists(scratch))
                Directory.Delete(scratch, recursive: true);
        }
    }
}

/// <summary>Reads an import for the command line and says what became of its rows.</summary>
internal sealed class DataImportReport(DatasetImport import, DatasetKind kind, Stream? refused)
{
    private const int Shown = 20;
    private readonly Dictionary<string, List<IDataRecord>> splits = DatasetSnapshot.Splits.ToDictionary(split => split, _ => new List<IDataRecord>());
    private readonly SortedDictionary<string, int> told = new(StringComparer.Ordinal);
    private readonly List<string> problems = [];
    private int rows;
    private int refusals;
    private int changed;
    private int setAside;

    /// <summary>Records that were read.</summary>
    public int Accepted { get; private set; }

    public void Read()
    {
        problems.AddRange(import.Unreadable.Select(file => file.Message));
        refusals += import.Unreadable.Count;
        var converter = new RecordConverter(kind, import.RelationTypes);
        foreach (var item in import.Read())
        {
            rows += item.BeginsRow ? 1 : 0;
            var refusal = item.Notes.FirstOrDefault(note => note is { Severity: ImportSeverity.Refused, Code: "row-refused" });
            ConvertedRecord? converted = null;
            if (refusal is null && item.Record is not null)
                (converted, refusal) = converter.Convert(item.Record);
            if (refusal is not null)
            {
                Refuse(item, refusal);
                continue;
            }

            var notes = item.Notes.Concat(converted?.Notes ?? []).ToList();
            foreach (var note in notes)
                told[note.Code] = told.GetValueOrDefault(note.Code) + 1;
            changed += notes.Exists(note => note.Severity != ImportSeverity.Told) ? 1 : 0;
            if (converted is null)
                continue;
            if (converted.Status != "submitted")
            {
                setAside++;
                continue;
            }

            Accepted++;
            splits[converted.Split ?? "train"].Add(converted.Record);
        }
    }

    public void Write(string folder)
    {
        if (import.Files.FirstOrDefault(plan => plan.AsksForOffsetUnit) is { } asking)
            throw new PeftException($"{asking.Name}: offsets may count code points or UTF-16 units, and the file does not say which. Choose the unit.");
        if (Accepted == 0)
            return;
        var content = splits.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<IDataRecord>)pair.Value);
        DatasetSnapshot.Write(Path.GetFullPath(folder), content, Path.GetFileName(Path.GetFullPath(folder)), "", TimeProvider.System.GetUtcNow(), kind);
    }

    public void Print()
    {
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                kind = kind.Name(), rows, accepted = Accepted, changed, refused = refusals, set_aside = setAside,
                splits = splits.ToDictionary(pair => pair.Key, pair => pair.Value.Count), told,
                files = import.Files.Select(plan => new
                {
                    name = plan.Name, format = plan.Format, encoding = plan.Encoding?.Name, delimiter = plan.Delimiter, columns = plan.Columns,
                    told = plan.Notes.Select(note => note.Message),
                }),
                problems = problems.Take(Shown * 10),
            }, DataCommand.Indented));
            return;
        }

        foreach (var plan in import.Files)
        {
            Console.WriteLine($"{plan.Name}: {plan.Format}{(plan.Encoding is { } encoding ? ", " + encoding.Name : "")}");
            foreach (var note in plan.Notes)
                Console.WriteLine("  " + note.Message);
        }

        Console.WriteLine($"{rows} rows: {Accepted} records kept as {kind.Name()}, {changed} of the rows changed, {refusals} refused, {setAside} set aside.");
        foreach (var (code, count) in told)
            Console.WriteLine($"  {count} × {code}");
        foreach (var problem in problems.Take(Shown))
            Console.WriteLine("  " + problem);
        if (problems.Count > Shown)
            Console.WriteLine($"  … and {problems.Count - Shown} more; --refused FILE writes them all.");
    }

    private void Refuse(ImportItem item, ImportNote note)
    {
        refusals++;
        problems.Add(new DataProblem(item.File, item.Line, note.Column, note.Field, note.Message).ToString());
        if (refused is not null)
            RefusedRows.Write(refused, item.File, item.Line, note, item.Raw.Span);
    }
}
