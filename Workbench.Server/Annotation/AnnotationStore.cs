using Microsoft.Data.Sqlite;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Annotation;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Annotation;

/// <summary>
/// Annotated records of a working file. Every operation is one transaction: log, graph and, where it is the record's own graph, the record. A record
/// that was changed elsewhere in the meantime is read again before anything else happens to its graph.
/// </summary>
internal sealed class AnnotationStore(TimeProvider time, Storage.ICurrentPerson person)
{
    private const int HistoryLength = 200;

    public AnnotationSetup Setup(WorkingFile file, string layer)
    {
        using var connection = AnnotationFile.Open(file);
        var (version, schema) = AnnotationSchemas.Of(connection);
        var history = AnnotationFile.Newest(connection, layer, null, HistoryLength).Where(step => step.Operation.Kind != "sync");
        return new AnnotationSetup(version, schema.WithKeys(), AnnotationProgressQuery.Read(connection, layer), AnnotationProgressQuery.NextOpen(connection, layer, -1, null),
            [.. history.Select(step => new AnnotationStep(step.Record, step.Operation))]);
    }

    /// <summary>Null when there is no such record.</summary>
    public AnnotationView? Open(WorkingFile file, string record, string layer)
    {
        using var connection = AnnotationFile.Open(file);
        var (_, schema) = AnnotationSchemas.Of(connection);
        if (Current(connection, record, layer, schema) is not var (row, place, _))
            return null;
        var (number, total, previous, next) = AnnotationProgressQuery.Neighbours(connection, place.Position);
        return new AnnotationView(
            record, number, total, place.Record.Split, row.Text.Text, new TextUnits(row.Text.Text).LongClusters(), row.Text.Spans, row.Text.Relations, row.State,
            Texts(place.Record, place.Kind, row, schema), previous, next, AnnotationProgressQuery.NextOpen(connection, layer, place.Position, record));
    }

    /// <summary>Applies an operation; the same one again changes nothing. Null when there is no such record.</summary>
    /// <exception cref="AnnotationConflictException">Somebody else changed what it replaces.</exception>
    /// <exception cref="PeftException">It is not allowed; the message says why.</exception>
    public (AnnotationAnswer Answer, bool RecordChanged)? Apply(WorkingFile file, string record, string layer, AnnotationOperation operation)
    {
        using var connection = AnnotationFile.Open(file);
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        var (_, schema) = AnnotationSchemas.Of(connection);
        if (Current(connection, record, layer, schema) is not var (row, place, sync))
            return null;
        if (AnnotationFile.Logged(connection, operation.Id) is { } known)
            return (new AnnotationAnswer(known.Seq, Texts(place.Record, place.Kind, row, schema), null), false);
        if (sync is not null)
            AnnotationFile.Log(connection, record, layer, sync, Now, person.Id);
        var trusted = TakesBack(connection, record, layer, operation);
        var text = AnnotationRules.Apply(row.Text, operation, schema, trusted);
        var state = NextState(row.State, operation.State);
        var revision = AnnotationFile.Log(connection, record, layer, operation, Now, person.Id);
        var after = row with { Text = text, State = state, Revision = revision };
        var (changed, now) = layer.Length == 0 ? Write(log, place, operation, after) : (false, place.Record);
        if (changed)
            after = after with { Content = RecordQueries.State(connection, record)!.Value.Content, Candidates = operation.Texts is null ? row.Candidates : now.Form?.Candidates ?? [] };
        AnnotationFile.Put(connection, after);
        var progress = operation.State is null ? null : AnnotationProgressQuery.Read(connection, layer);
        var answer = new AnnotationAnswer(revision, Texts(now, place.Kind, after, schema), progress);
        log.Commit();
        return (answer, changed);
    }

    /// <summary>What typed texts would change. Null when there is no such record.</summary>
    public AnnotationReading? Read(WorkingFile file, string record, string layer, InstructionRecord texts)
    {
        using var connection = AnnotationFile.Open(file);
        var (_, schema) = AnnotationSchemas.Of(connection);
        if (Current(connection, record, layer, schema) is not var (row, place, _))
            return null;
        if (place.Record.Data is not null)
            throw new PeftException("This record is no instruction: its texts cannot be typed here.");
        var before = RecordTexts.Of(place.Record);
        if (texts == before)
            return new AnnotationReading(null, [], []);
        var problems = RecordTexts.Problems(texts);
        if (problems.Count > 0)
            return new AnnotationReading(null, Placed(problems), []);
        var passage = AnnotationRules.PassageOf(texts);
        var anchoring = TripleAnchors.Anchor(row.Text, passage, RecordTexts.Triples(texts.Output), schema, RecordTexts.NewId);
        var operation = new AnnotationOperation(RecordTexts.NewId(), "text", anchoring.Spans, anchoring.Relations, new TextsChange(before, texts));
        problems = anchoring.Problems;
        if (problems.Count == 0)
        {
            var after = AnnotationRules.Apply(row.Text, operation, schema, trusted: true);
            var added = anchoring.Relations.Select(c => c.After?.Id).ToHashSet();
            problems = [.. after.Flags(schema).Where(f => added.Contains(f.Id)).Select(f => new DataProblem("record", 1, null, "output", f.Message))];
        }

        return problems.Count > 0
            ? new AnnotationReading(null, Placed(problems), [])
            : new AnnotationReading(operation, [], new TextUnits(passage).LongClusters());
    }

    /// <summary>What rules and other records suggest. Null when there is no such record.</summary>
    public AnnotationSuggestions? Suggest(WorkingFile file, string record, string layer)
    {
        using var connection = AnnotationFile.Open(file);
        var (_, schema) = AnnotationSchemas.Of(connection);
        if (Current(connection, record, layer, schema) is not var (row, _, _))
            return null;
        var others = AnnotationFile.All(connection, layer).Where(other => other.Record != record).Select(other => other.Text);
        return new AnnotationSuggestions(
            [.. MentionFinder.Find(row.Text, schema, others).Select(m => new SuggestedSpan(RecordTexts.NewId(), m.Start, m.End, m.Type, m.Score))], []);
    }

    /// <summary>What the triples of an answer would add to the graph. Null when there is no such record.</summary>
    public AnnotationSuggestions? Suggest(WorkingFile file, string record, string layer, IReadOnlyList<Triple> triples)
    {
        using var connection = AnnotationFile.Open(file);
        var (_, schema) = AnnotationSchemas.Of(connection);
        if (Current(connection, record, layer, schema) is not var (row, _, _))
            return null;
        var anchoring = TripleAnchors.Anchor(row.Text, row.Text.Text, [.. row.Text.Triples(), .. triples.Where(t => schema.Relation(t.Relation.Trim()) is not null)], schema, RecordTexts.NewId);
        var after = AnnotationRules.Apply(row.Text, new AnnotationOperation("suggested", "accept", anchoring.Spans, anchoring.Relations), schema, trusted: true);
        var illegal = after.Flags(schema).Select(flag => flag.Id).ToHashSet();
        var arcs = anchoring.Relations.Select(c => c.After).OfType<AnnotatedRelation>().Where(r => !illegal.Contains(r.Id)).ToList();
        var ends = arcs.SelectMany(r => new[] { r.Head, r.Tail }).ToHashSet();
        return new AnnotationSuggestions(
            [.. anchoring.Spans.Select(c => c.After).OfType<AnnotatedSpan>().Where(s => ends.Contains(s.Id)).Select(s => new SuggestedSpan(s.Id, s.Start, s.End, s.Type, null))],
            [.. arcs.Select(r => new SuggestedRelation(r.Id, r.Head, r.Tail, r.Type, null))]);
    }

    /// <summary>Instruction and input of a record; null when there is none.</summary>
    public static InstructionRecord? Question(WorkingFile file, string record)
    {
        using var connection = AnnotationFile.Open(file);
        return RecordQueries.Find(connection, record) is { } found ? RecordTexts.Of(found) : null;
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static TextProblem[] Placed(IEnumerable<DataProblem> problems) =>
        [.. problems.Select(p => new TextProblem(p.Field?.StartsWith("triples", StringComparison.Ordinal) == true ? "output" : p.Field ?? "output", p.Column, p.Message))];

    /// <summary>The graph in line with the record as it is now, and the operation that brought it there where it was not.</summary>
    internal static (AnnotationRow Row, Place Place, AnnotationOperation? Sync)? Current(SqliteConnection connection, string record, string layer, AnnotationSchema schema)
    {
        if (RecordQueries.State(connection, record) is not { } state || RecordQueries.Find(connection, record) is not { } found)
            return null;
        var place = new Place(found, RecordTexts.Kind(found, RecordQueries.Kind(connection)), state.Version, state.Position);
        var row = AnnotationFile.Find(connection, record, layer);
        if (row?.Content == state.Content)
            return (row, place, null);
        row ??= new AnnotationRow(record, layer, -1, AnnotatedText.Of(RecordTexts.Passage(found)), [], AnnotationState.Open, 0);
        var (content, made) = (state.Content, 0);
        // Names follow from the content, so that looking at a record writes nothing.
        var anchoring = layer.Length > 0 && row.Content < 0
            ? new Anchoring([], [], [])
            : RecordTexts.Anchor(row.Text, found, place.Kind, schema, () => $"{content}.{made++}");
        var passage = RecordTexts.Passage(found);
        var texts = passage == row.Text.Text ? null : new TextsChange(new InstructionRecord("", row.Text.Text, ""), new InstructionRecord("", passage, ""));
        var sync = new AnnotationOperation($"sync-{record}-{layer}-{state.Version}", "sync", anchoring.Spans, anchoring.Relations, texts);
        var text = AnnotationRules.Apply(row.Text, sync, schema, trusted: true);
        return (row with { Text = text, Content = content, Candidates = found.Form?.Candidates ?? [] }, place, sync.IsEmpty ? null : sync);
    }

    private static bool TakesBack(SqliteConnection connection, string record, string layer, AnnotationOperation operation)
    {
        if (operation.Undoes is null)
            return false;
        var original = AnnotationFile.Logged(connection, operation.Undoes);
        return original is not null && original.Record == record && original.Layer == layer && operation.TakesBack(original.Operation)
            ? true
            : throw new AnnotationConflictException("What was to be taken back is not in the log of this record.");
    }

    private static AnnotationState NextState(AnnotationState now, StateChange? change)
    {
        if (change is null)
            return now;
        if (change.Before != now)
            throw new AnnotationConflictException($"Somebody else set this record to '{now.Name}' in the meantime.");
        return change.After.IsKnown ? change.After : throw new PeftException("A record is open, done, or skipped with a reason.");
    }

    /// <summary>Brings the record to what its graph says.</summary>
    private static (bool Changed, RecordDto Record) Write(OperationLog log, Place place, AnnotationOperation operation, AnnotationRow after)
    {
        RecordContent? content;
        if (operation.Texts is { } texts)
        {
            if (place.Record.Data is not null)
                throw new PeftException("This record is no instruction: its texts cannot be typed here.");
            if (texts.Before != RecordTexts.Of(place.Record))
                throw new AnnotationConflictException("Somebody else changed the text of this record in the meantime.");
            content = RecordTexts.Typed(texts.After, place.Record.Source);
            if (RecordTexts.Triples(content.Output) is { } triples && !triples.Select(t => new Triple(t.Head.Trim(), t.Relation.Trim(), t.Tail.Trim())).ToHashSet().SetEquals(after.Text.Triples()))
                throw new PeftException("The typed triples and the graph say different things.");
        }
        else
        {
            content = RecordTexts.Content(place.Record, place.Kind, after.Text, after.Candidates, after.State);
        }

        if (content is null || Same(content, place.Record))
            return (false, place.Record);
        log.Begin("annotate", "Annotate record");
        log.Put(place.Record.Id, place.Version, place.Record.Split, place.Position, log.AddContent(content));
        return (true, RecordQueries.Find(log.Connection, place.Record.Id)!);
    }

    private static bool Same(RecordContent content, RecordDto record) =>
        (content.Instruction, content.Input, content.Output) == (record.Instruction, record.Input, record.Output)
        && content.FormJson == (record.Form is null ? null : new RecordContent("", "", "", "", record.Form).FormJson)
        && content.Data == record.Data?.GetRawText();

    private static AnnotatedTexts Texts(RecordDto record, DatasetKind kind, AnnotationRow row, AnnotationSchema schema) => new(
        record.Instruction, record.Input, record.Output, kind == DatasetKind.Instruction, RecordTexts.Follows(record),
        record.Form is null ? [] : RelationForms.Problems(record.Form), row.Text.Flags(schema));

    /// <summary>A record and where it stands.</summary>
    internal sealed record Place(RecordDto Record, DatasetKind Kind, long Version, long Position);
}
