using Workbench.Client.Contracts;
using Workbench.Client.Features.Playground;

namespace Workbench.Client.Features.Datasets;

/// <summary>A triple while it is typed.</summary>
public sealed class TripleDraft
{
    public string Head { get; set; } = "";

    public string Relation { get; set; } = "";

    public string Tail { get; set; } = "";

    public bool IsEmpty => Head.Trim().Length == 0 && Relation.Trim().Length == 0 && Tail.Trim().Length == 0;
}

/// <summary>The lecture's form while it is filled in.</summary>
public sealed class RelationDraft
{
    public string Candidates { get; set; } = "";

    public string Passage { get; set; } = "";

    public List<TripleDraft> Triples { get; } = [new()];

    /// <summary>Rows that a person began; half-typed ones are kept so that the problem is named instead of the row being dropped.</summary>
    public IReadOnlyList<TripleDto> Filled =>
        [.. Triples.Where(triple => !triple.IsEmpty).Select(triple => new TripleDto(triple.Head.Trim(), triple.Relation.Trim(), triple.Tail.Trim()))];

    public IReadOnlyList<string> CandidateList => ExtractionPrompt.ReadCandidates(Candidates);

    public static RelationDraft Of(RelationFormDto form)
    {
        var draft = new RelationDraft { Candidates = string.Join(", ", form.Candidates), Passage = form.Passage };
        draft.Triples.Clear();
        draft.Triples.AddRange(form.Triples.Select(triple => new TripleDraft { Head = triple.Head, Relation = triple.Relation, Tail = triple.Tail }));
        return draft;
    }

    public static RelationDraft LectureExample() => Of(LectureRecord.Form);

    public RelationFormDto ToForm() => new(CandidateList, Passage.Trim(), Filled);
}
