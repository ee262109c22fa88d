using Peft.Core.Data.Import;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>Counts what became of rows, and keeps the first examples.</summary>
internal sealed class ImportTally
{
    private const int PreviewRows = 20;
    private const int NamedProblems = 10_000;
    private const int NamedNotes = 2_000;
    private const int SampleRows = 20;

    private readonly List<ImportProblem> _problems = [];
    private readonly List<ImportRowNote> _notes = [];
    private readonly List<RecordDto> _preview = [];
    private readonly Dictionary<string, ImportCount> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<ImportFilePlan, int> _rowsOf = [];
    private int _accepted;
    private int _refused;
    private int _changed;
    private int _setAside;
    private bool _isPartial;

    public int Rows { get; private set; }

    /// <summary>Counts a row; true when no more of its file are wanted.</summary>
    public bool Begin(ImportFilePlan plan, int limit)
    {
        var rows = _rowsOf[plan] = _rowsOf.GetValueOrDefault(plan) + 1;
        if (rows > limit)
            return _isPartial = true;
        Rows++;
        return false;
    }

    public void Refuse(string file, int line, ImportNote note, bool counts = true)
    {
        _refused += counts ? 1 : 0;
        if (_problems.Count < NamedProblems)
            _problems.Add(new ImportProblem(file, line, note.Column, note.Field, note.Message));
    }

    public void Tell(ImportItem item, IReadOnlyList<ImportNote> more)
    {
        if (item.Notes.Count + more.Count == 0)
            return;
        var changed = false;
        foreach (var note in item.Notes.Concat(more))
        {
            var isChange = note.Severity != ImportSeverity.Told;
            changed |= isChange;
            var known = _counts.GetValueOrDefault(note.Code) ?? new ImportCount(note.Code, isChange, 0, note.Message);
            _counts[note.Code] = known with { Rows = known.Rows + 1 };
            if (_notes.Count < NamedNotes)
                _notes.Add(new ImportRowNote(item.File, item.Line, note.Field, note.Code, isChange, note.Message));
        }

        _changed += changed ? 1 : 0;
    }

    public void Accept(Func<RecordDto> record)
    {
        _accepted++;
        if (_preview.Count < PreviewRows)
            _preview.Add(record());
    }

    public void SetAside() => _setAside++;

    public ImportReport Report(DatasetImport import, DatasetKind kind)
    {
        if (_refused > _problems.Count)
            _problems.Add(new ImportProblem(_problems[^1].File, _problems[^1].Line, null, null, $"{_refused - _problems.Count} more rows were refused; correct the first ones and import again."));
        return new ImportReport(import.Files is [var first, ..] ? first.Container : "", _accepted, _refused, _problems, _preview, false, kind)
        {
            Rows = Rows,
            Changed = _changed,
            SetAside = _setAside,
            IsPartial = _isPartial,
            Files = [.. import.Files.Select(Described)],
            Counts = [.. _counts.Values.OrderByDescending(count => count.Changed).ThenByDescending(count => count.Rows)],
            Notes = _notes,
        };
    }

    private static ImportFileReport Described(ImportFilePlan plan) => new(
        plan.Name, plan.Format, plan.Container, plan.Layout, plan.Encoding?.Name, plan.Encoding?.IsCertain ?? true, plan.Delimiter,
        plan.OffsetUnit switch { OffsetUnit.Utf16 => "utf16", OffsetUnit.CodePoint => "codepoint", _ => null },
        plan.AsksForOffsetUnit, plan.AsksForMapping, plan.Columns, Sample(plan), [.. plan.Notes.Select(note => new ImportTold(note.Code, note.Message))]);

    /// <summary>The first rows of a table whose columns nobody has said the meaning of.</summary>
    private static IReadOnlyList<IReadOnlyList<string>> Sample(ImportFilePlan plan) =>
        plan.AsksForMapping ? [.. plan.Read().Take(SampleRows).Select(item => item.Record).OfType<ImportedCells>().Select(cells => cells.Cells)] : [];
}
