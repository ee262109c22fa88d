using System.Text;
using System.Text.Json;
using Peft.Core.Data.Import.Containers;
using Peft.Core.Data.Import.Formats;

namespace Peft.Core.Data.Import;

/// <summary>Finds out how a file is to be read, from its content and, where that leaves a choice, from its name.</summary>
internal sealed class ImportDetector(ImportOptions options)
{
    private const int SampleBytes = 1 << 18;
    private const int SampleRows = 50;

    /// <summary>Plans for one file; a workbook gives one per sheet.</summary>
    /// <exception cref="PeftException">The file cannot be read at all.</exception>
    public IEnumerable<ImportFilePlan> Plan(InputFile file)
    {
        var head = Head(file.Path);
        if (head.AsSpan().StartsWith("PAR1"u8))
            return [Rows(file, new ParquetSource(file.Path, file.Name), null)];
        if (head.AsSpan().StartsWith("ARROW1"u8) || (head.Length > 8 && head.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFF, 0xFF, 0xFF])))
            return [Rows(file, new ArrowSource(file.Path, file.Name), null)];
        if (head.AsSpan().StartsWith("PK\x03\x04"u8) || head.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xD0, 0xCF, 0x11, 0xE0]))
        {
            if (!IsWorkbook(file))
                throw new PeftException($"{file.Name}: an archive inside an archive is not opened. Unpack it and import what it holds.");
            var sheets = WorkbookSource.Sheets(file.Path, file.Name);
            return [.. sheets.Select(sheet => Rows(sheets.Count == 1 ? file : file with { Name = $"{file.Name} › {sheet.Name}" }, new WorkbookSource(file.Path, sheet.Number, options.HasHeader), null))];
        }

        return [Text(file)];
    }

    private static bool IsWorkbook(InputFile file)
    {
        if (!file.Name.EndsWith(".xls", StringComparison.OrdinalIgnoreCase))
        {
            try
            {
                using var archive = System.IO.Compression.ZipFile.OpenRead(file.Path);
                return archive.GetEntry("xl/workbook.xml") is not null;
            }
            catch (InvalidDataException)
            {
                return false; // a compound file under another name, or a damaged archive
            }
        }

        return true;
    }

    private ImportFilePlan Text(InputFile file)
    {
        var encoding = options.Encoding is { } chosen ? new FileEncoding(Canonical(chosen), false, true) : TextEncodings.Detect(file.Path, file.Name);
        Stream Open() => TextEncodings.OpenUtf8(file.Path, encoding.Name);
        var sample = Sample(Open);
        var start = sample.AsSpan().TrimStart();
        if (start.Length == 0)
            return new ImportFilePlan { Name = file.Name, Format = "empty", Container = "empty", Encoding = encoding, Items = () => [] };
        if (options.Layout is "conll" || (options.Layout is null && start[0] is not ('{' or '[') && ConllFile.Fits(sample.Split('\n'))))
            return Conll(file, encoding, Open, sample);
        if (options.Layout is "txt")
            return Rows(file, new TextSource(Open), encoding);
        if (start[0] is '{' or '[' && !IsTable(file.Name))
            return Json(file, encoding, Open);
        var delimiter = options.Delimiter is { Length: > 0 } given ? given[0] : Delimiter(file.Name, sample);
        if (delimiter is { } found)
            return Rows(file, new DelimitedSource(Open, found, options.HasHeader), encoding);
        return IsJson(file.Name) ? Json(file, encoding, Open) : Rows(file, new TextSource(Open), encoding);
    }

    private ImportFilePlan Json(InputFile file, FileEncoding encoding, Func<Stream> open)
    {
        var source = new JsonRowSource(open, encoding.Name != "utf-8");
        var first = source.Rows().Where(row => row.Problem is null).Select(row => (JsonElement?)row.Value.Clone()).FirstOrDefault();
        if (source.Container == "json" || first is { ValueKind: JsonValueKind.Object })
        {
            if (first is { } root && QuestionFiles.IsSquad(root))
                return Rows(file, new QuestionSource(source, isSquad: true), encoding, "squad");
            if (first is { } article && QuestionFiles.IsCmrc(article))
                return Rows(file, new QuestionSource(source, isSquad: false), encoding, "cmrc");
        }

        return Rows(file, source, encoding);
    }

    private ImportFilePlan Conll(InputFile file, FileEncoding encoding, Func<Stream> open, string sample)
    {
        var reader = new ConllFile(sample.Split('\n'), options);
        return new ImportFilePlan
        {
            Name = file.Name, Format = "conll", Container = "conll", Layout = "conll", Encoding = encoding, Notes = [.. EncodingNotes(encoding)],
            Items = () => Read(),
        };

        IEnumerable<ImportItem> Read()
        {
            using var text = new StreamReader(open(), new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
            foreach (var item in reader.Read(text, file.Name))
                yield return item;
        }
    }

    private ImportFilePlan Rows(InputFile file, IRowSource source, FileEncoding? encoding, string? questions = null)
    {
        var mapped = options.Mapping is { Count: > 0 } mapping ? new MappedSource(source, mapping) : source;
        var sample = mapped.Rows().Where(row => row.Problem is null).Take(SampleRows).Select(row => row.Value.Clone()).ToList();
        var layout = questions is not null ? LayoutCatalog.Find("questions")
            : options.Layout is { } chosen && chosen != "txt" ? LayoutCatalog.Find(chosen)
            : LayoutCatalog.Recognise(sample);
        var objects = sample.Where(row => row.ValueKind == JsonValueKind.Object).ToList();
        var columns = source.Columns ?? [.. objects.SelectMany(row => row.EnumerateObject().Select(property => property.Name)).Distinct(StringComparer.Ordinal)];
        var reader = layout?.Create(options, mapped) ?? new UnmappedRows(columns);
        if (layout is { Name: "alpaca" or "annotated" } && options.Layout is null)
            reader = new MixedRows(layout, reader, options, mapped);
        if (reader.NeedsSurvey)
            Survey(mapped, reader);
        return new ImportFilePlan
        {
            Name = file.Name,
            Format = questions is not null ? $"{questions}-json" : LayoutCatalog.Format(layout, source.Container),
            Container = source.Container,
            Layout = questions ?? layout?.Name,
            Encoding = encoding,
            Delimiter = (source as DelimitedSource)?.Delimiter.ToString(),
            OffsetUnit = reader.Unit,
            AsksForOffsetUnit = reader.AsksForUnit,
            AsksForMapping = layout is null && objects.Count > 0,
            Columns = columns,
            RelationTypes = reader.RelationTypes,
            Notes = [.. EncodingNotes(encoding), .. reader.FileNotes()],
            Items = () => ImportRows.Read(file.Name, mapped, reader, encoding),
        };
    }

    private static void Survey(IRowSource source, RowReader reader)
    {
        foreach (var row in source.Rows())
        {
            try
            {
                if (row.Problem is null)
                    reader.Survey(row.Value);
            }
            catch (Exception error) when (error is RowException or InvalidOperationException)
            {
                // The second pass names the row.
                continue;
            }
        }
    }

    private static IEnumerable<ImportNote> EncodingNotes(FileEncoding? encoding)
    {
        if (encoding is { IsCertain: false } guessed)
            yield return ImportNote.Told("encoding-detected", $"The file is read as {guessed.Name}, as its bytes suggest. If texts look wrong, choose another encoding.");
    }

    private static string Canonical(string name) => name.ToLowerInvariant() switch
    {
        "utf8" => "utf-8",
        "utf-16" or "utf-16le" => "utf-16-le",
        "utf-16be" => "utf-16-be",
        var other => TextEncodings.Get(other) is { } ? other : other,
    };

    private static char? Delimiter(string name, string sample)
    {
        var complete = sample.Length < SampleBytes / 4 ? sample : sample[..(sample.LastIndexOf('\n') + 1)];
        var found = DelimitedSource.Detect(complete.Length > 0 ? complete : sample);
        var extension = Path.GetExtension(name).ToLowerInvariant();
        return extension switch
        {
            ".tsv" or ".tab" => '\t',
            ".csv" => found ?? ',',
            ".json" or ".jsonl" => null,
            _ => found == '\t' ? found : null,
        };
    }

    private static bool IsTable(string name) => Path.GetExtension(name).ToLowerInvariant() is ".csv" or ".tsv" or ".tab";

    private static bool IsJson(string name) => Path.GetExtension(name).ToLowerInvariant() is ".json" or ".jsonl" or ".ndjson";

    private static string Sample(Func<Stream> open)
    {
        using var stream = open();
        var bytes = new byte[SampleBytes];
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return Encoding.UTF8.GetString(bytes, 0, read);
    }

    private static byte[] Head(string path)
    {
        using var stream = File.OpenRead(path);
        var bytes = new byte[16];
        return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }
}
