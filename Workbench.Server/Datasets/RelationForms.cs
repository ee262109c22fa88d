using Peft.Core.Data;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>The lecture's form between the web and the engine, which owns its wording.</summary>
internal static class RelationForms
{
    public static RenderedRecord Render(RelationFormDto form)
    {
        var engine = ToEngine(form);
        var record = engine.Render();
        return new RenderedRecord(record.Instruction, record.Input, record.Output, Problems(engine));
    }

    public static RecordContent Content(RelationFormDto form, string source)
    {
        var record = ToEngine(form).Render();
        return new RecordContent(record.Instruction, record.Input, record.Output, source, form);
    }

    /// <summary>Reads a form back; null unless writing it again gives exactly the same three texts, so that editing loses nothing.</summary>
    public static RelationFormDto? TryRead(string instruction, string input, string output)
    {
        return RelationForm.TryReadExact(new InstructionRecord(instruction, input, output)) is { } form ? ToClient(form) : null;
    }

    public static RelationFormDto ToClient(RelationForm form) =>
        new(form.Candidates, form.Passage, [.. form.Triples.Select(triple => new TripleDto(triple.Head, triple.Relation, triple.Tail))]);

    public static IReadOnlyList<string> Problems(RelationFormDto form) => Problems(ToEngine(form));

    private static string[] Problems(RelationForm form) => [.. form.Check().Select(problem => $"{problem.Field}: {problem.Message}")];

    private static RelationForm ToEngine(RelationFormDto form) =>
        new(form.Candidates, form.Passage, [.. form.Triples.Select(triple => new Triple(triple.Head, triple.Relation, triple.Tail))]);
}
