using System.Text.Json;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Annotation;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Annotation;

/// <summary>
/// A record and the graph over its text: what one says follows from the other. Records whose answer is no list of triples keep their answer; the
/// graph then stands beside it.
/// </summary>
internal static class RecordTexts
{
    public static InstructionRecord Of(RecordDto record) => new(record.Instruction, record.Input, record.Output);

    public static DatasetKind Kind(RecordDto record, DatasetKind? kind) => record.Data is null ? DatasetKind.Instruction : kind ?? DatasetKind.Text;

    /// <summary>The text that is annotated.</summary>
    public static string Passage(RecordDto record) => AnnotationRules.PassageOf(Of(record));

    /// <summary>True when the record's answer says the triples of the graph.</summary>
    public static bool Follows(RecordDto record) => record.Data is null && (record.Form is not null || Triples(record.Output) is not null);

    /// <summary>The graph that the record's own content shows, with the marks of an earlier one where they still fit.</summary>
    public static Anchoring Anchor(AnnotatedText known, RecordDto record, DatasetKind kind, AnnotationSchema schema, Func<string> newId)
    {
        if (kind == DatasetKind.Tagging)
            return AnchorEntities(known, record, newId);
        var triples = Follows(record) ? Triples(record.Output) : null;
        return TripleAnchors.Anchor(known, Passage(record), triples, schema, newId);
    }

    /// <summary>What the record becomes when the graph says this; null where the graph does not decide it.</summary>
    public static RecordContent? Content(RecordDto record, DatasetKind kind, AnnotatedText text, IReadOnlyList<string> candidates, AnnotationState state)
    {
        if (kind == DatasetKind.Tagging)
            return Entities(record, text);
        // An answer that nobody has given yet stays empty until there is a relation, or somebody says that there is none.
        if (!Follows(record) || (record.Output.Trim().Length == 0 && text.Relations.Count == 0 && state.Name != "done"))
            return null;
        if (record.Form is not null)
        {
            var asked = candidates.Concat(text.Relations.Select(r => r.Type)).Distinct();
            return RelationForms.Content(new RelationFormDto([.. asked], text.Text, [.. text.Triples().Select(t => new TripleDto(t.Head, t.Relation, t.Tail))]), record.Source);
        }

        var output = new RelationForm([], text.Text, text.Triples()).Render().Output;
        return new RecordContent(record.Instruction, record.Input, output, record.Source, null);
    }

    /// <summary>What a typed record becomes.</summary>
    public static RecordContent Typed(InstructionRecord texts, string source) =>
        new(texts.Instruction, texts.Input, texts.Output, source, RelationForms.TryRead(texts.Instruction, texts.Input, texts.Output));

    /// <summary>Triples of an answer; null when it is something else.</summary>
    public static IReadOnlyList<Triple>? Triples(string output) =>
        output.Trim().Length == 0 ? [] : TripleText.Read(output) is { Parsed: true } reading ? reading.Triples : null;

    public static string NewId() => Ulid.NewUlid().ToString();

    private static Anchoring AnchorEntities(AnnotatedText known, RecordDto record, Func<string> newId)
    {
        var passage = record.Data!.Value.GetProperty("text").GetString()!;
        var there = record.Data.Value.GetProperty("entities").EnumerateArray()
            .Select(e => (Start: e.GetProperty("start").GetInt32(), End: e.GetProperty("end").GetInt32(), Type: e.GetProperty("type").GetString()!)).ToList();
        var same = known.Text == passage ? known.Spans.Where(s => there.Remove((s.Start, s.End, s.Type))).ToList() : [];
        var added = there.Select(e => new AnnotatedSpan(newId(), e.Start, e.End, e.Type)).ToList();
        var kept = same.Select(s => s.Id).ToHashSet();
        var changes = known.Spans.Where(s => !kept.Contains(s.Id)).Select(s => new SpanChange(s, null)).Concat(added.Select(s => new SpanChange(null, s)));
        return new Anchoring([.. changes], [.. known.Relations.Where(r => !kept.Contains(r.Head) || !kept.Contains(r.Tail)).Select(r => new RelationChange(r, null))], []);
    }

    private static RecordContent? Entities(RecordDto record, AnnotatedText text)
    {
        var spans = text.Spans.Where(s => s.Type.Length > 0).OrderBy(s => s.Start).ToList();
        // Taggers give every token one label: overlapping entities stay in the graph alone.
        if (spans.Zip(spans.Skip(1)).Any(pair => pair.Second.Start < pair.First.End))
            return null;
        var data = JsonSerializer.SerializeToElement(new { text = text.Text, entities = spans.Select(s => new { start = s.Start, end = s.End, type = s.Type, text = text.Words(s) }) }, AnnotationFile.Json);
        return TaskContents.Of(DatasetKind.Tagging, data, record.Source);
    }

    /// <summary>What is wrong with texts that somebody typed, in place.</summary>
    public static IReadOnlyList<DataProblem> Problems(InstructionRecord texts)
    {
        var problems = new List<DataProblem>();
        if (AnnotationRules.PassageOf(texts).Length == 0)
            problems.Add(new DataProblem("record", 1, null, "input", "is empty: there is no text to annotate."));
        if (texts.Output.Trim().Length == 0)
            problems.Add(new DataProblem("record", 1, null, "output", "is empty. Write the triples, or 无 for none."));
        else if (Triples(texts.Output) is null)
            problems.Add(new DataProblem("record", 1, Unreadable(texts.Output) + 1, "output", "is no list of triples from here on. Write (head,relation,tail),(head,relation,tail), or 无 for none."));
        return problems;
    }

    /// <summary>Where the part that can be read as triples ends.</summary>
    private static int Unreadable(string output)
    {
        var good = 0;
        for (var i = 0; i < output.Length; i++)
        {
            if (output[i] is ')' or '）' && TripleText.Read(output[..(i + 1)]).Parsed)
                good = i + 1;
        }

        while (good < output.Length && (output[good] is ',' or '，' or '、' or ';' or '；' || char.IsWhiteSpace(output[good])))
            good++;
        return good;
    }
}
