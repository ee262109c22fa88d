using Peft.Core;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>How far an import is.</summary>
internal sealed class ImportProgress
{
    private int _rows;
    private long _bytes;

    public int Rows => Volatile.Read(ref _rows);

    public long Bytes => Interlocked.Read(ref _bytes);

    public void Row(int bytes)
    {
        Interlocked.Increment(ref _rows);
        Interlocked.Add(ref _bytes, bytes);
    }
}

/// <summary>Reads files into a working file, in one transaction: all accepted rows or none.</summary>
internal sealed class DatasetImporter(TimeProvider time, Storage.ICurrentPerson person)
{
    /// <summary>A look before an import reads no more rows than this of each file.</summary>
    private const int LookedAt = 20_000;

    /// <summary>What importing would give; nothing is stored.</summary>
    /// <param name="files">The files.</param>
    /// <param name="choices">What a person decided.</param>
    /// <param name="split">Split of all rows; null goes by the rows.</param>
    /// <param name="into">Kind of the records that are there already; null when there are none.</param>
    /// <param name="position">Place of the first new record.</param>
    public static ImportReport Look(IReadOnlyList<InputFile> files, ImportChoices choices, DatasetSplit? split, DatasetKind? into = null, long position = 0) =>
        new Reading(Open(files, choices), choices, split, into, position, null, null, LookedAt).Run(CancellationToken.None);

    /// <summary>Imports into a working file, or only says what would happen.</summary>
    public ImportReport Import(
        WorkingFile file, IReadOnlyList<InputFile> files, ImportChoices choices, DatasetSplit? split, bool commit, ImportProgress? progress, CancellationToken cancel)
    {
        using var connection = file.Connect();
        var (into, position) = (RecordQueries.Kind(connection), RecordQueries.NextPosition(connection));
        if (!commit)
            return Look(files, choices, split, into, position);
        var import = Open(files, choices);
        if (import.Files.FirstOrDefault(plan => plan.AsksForOffsetUnit) is { } asking)
            throw new PeftException($"{asking.Name}: offsets may count code points or UTF-16 units, and the file does not say which. Choose the unit.");
        var label = files.Count == 1 ? files[0].Name : $"{files[0].Name} (+{files.Count - 1})";
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        log.Begin("import", $"Import {label}");
        var report = new Reading(import, choices, split, into, position, log, progress, int.MaxValue).Run(cancel);
        if (report.Accepted + report.SetAside == 0)
            return report;
        log.Rename($"Import {report.Accepted} records from {label}");
        log.Commit();
        return report with { Committed = true };
    }

    private static DatasetImport Open(IReadOnlyList<InputFile> files, ImportChoices choices) => DatasetImport.Open(files, new ImportOptions
    {
        Layout = Given(choices.Layout),
        Encoding = Given(choices.Encoding),
        Delimiter = choices.Delimiter is { Length: > 0 } delimiter ? delimiter : null,
        OffsetUnit = choices.OffsetUnit switch
        {
            null or "" => null,
            "utf16" => OffsetUnit.Utf16,
            "codepoint" => OffsetUnit.CodePoint,
            var other => throw new PeftException($"Offset unit '{other}' is not known; use codepoint or utf16."),
        },
        Mapping = choices.Mapping is { Count: > 0 } mapping ? mapping : null,
        HasHeader = choices.HasHeader,
        TokenJoin = choices.TokenJoin,
    });

    private static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    /// <summary>One pass over the rows.</summary>
    private sealed class Reading(
        DatasetImport import, ImportChoices choices, DatasetSplit? split, DatasetKind? into, long position, OperationLog? log, ImportProgress? progress, int limit)
    {
        private readonly ImportTally _tally = new();
        private long _position = position;

        public ImportReport Run(CancellationToken cancel)
        {
            foreach (var (name, message) in import.Unreadable)
                _tally.Refuse(name, 1, ImportNote.Refused(message));
            var own = RecordConverter.Suggest(import) is { } suggested ? TaskContents.ToClient(suggested) : (DatasetKind?)null;
            var kind = into ?? choices.Kind ?? own ?? DatasetKind.Instruction;
            var converter = new RecordConverter(TaskContents.ToEngine(kind), import.RelationTypes);
            if (into is { } there && own is { } offered && offered != there && !CanBecome(converter))
            {
                _tally.Refuse(import.Files[0].Name, 1, ImportNote.Refused($"The file holds {DatasetEditor.Words(offered)}, but the dataset holds {DatasetEditor.Words(there)}. Make a new dataset for this file."));
                return _tally.Report(import, offered);
            }

            foreach (var plan in import.Files)
            {
                foreach (var item in plan.Read())
                {
                    cancel.ThrowIfCancellationRequested();
                    if (item.BeginsRow && _tally.Begin(plan, limit))
                        break;
                    progress?.Row(item.Raw.Length);
                    One(item, converter, kind);
                }
            }

            if (_tally.Rows == 0 && import.Unreadable.Count == 0)
                _tally.Refuse(import.Files is [var first, ..] ? first.Name : "", 1, ImportNote.Refused("The file holds no record: it is empty. Expected a JSON list or one JSON object per line."), counts: false);
            return _tally.Report(import, kind);
        }

        private void One(ImportItem item, RecordConverter converter, DatasetKind kind)
        {
            var refusal = item.Notes.FirstOrDefault(note => note is { Severity: ImportSeverity.Refused, Code: "row-refused" });
            ConvertedRecord? converted = null;
            if (refusal is null && item.Record is not null)
                (converted, refusal) = converter.Convert(item.Record);
            var source = $"{item.File}:{item.Line}";
            if (refusal is not null)
            {
                _tally.Refuse(item.File, item.Line, refusal);
                log?.SetAside(null, null, item.Raw.ToArray(), source, "refused", refusal.Field is null ? refusal.Message : $"{refusal.Field}: {refusal.Message}");
                return;
            }

            _tally.Tell(item, converted?.Notes ?? []);
            if (converted is null)
                return;
            var content = ImportedContents.Of(converted, kind, source);
            var side = split ?? ImportedContents.Split(converted.Split) ?? DatasetSplit.Train;
            var id = Ulid.NewUlid().ToString();
            if (converted.Status != "submitted")
            {
                _tally.SetAside();
                log?.SetAside(id, log.AddVersion(id, side, _position++, log.AddContent(content)), null, source, converted.Status,
                    converted.Status == "suggestion" ? "A model suggested this; nobody has confirmed it." : "The task was skipped or has no annotation.");
                return;
            }

            _tally.Accept(() => ImportedContents.Shown(id, side, (int)_position, content));
            log?.Put(id, null, side, _position, log.AddContent(content));
            _position++;
        }

        /// <summary>Annotated texts can serve datasets of several kinds.</summary>
        private bool CanBecome(RecordConverter converter)
        {
            var first = import.Files.SelectMany(file => file.Read().Take(50)).Select(item => item.Record).OfType<ImportedRecord>().FirstOrDefault();
            return first is not null && converter.Convert(first).Record is not null;
        }
    }
}
