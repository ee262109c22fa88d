using System.Buffers;
using System.Text.RegularExpressions;

namespace Peft.Core.Data;

/// <summary>
/// A relation-extraction example as people type it in the lecture: candidate relations, a passage, the triples in it. It renders to
/// instruction, input and output, and can be read back from them.
/// </summary>
/// <param name="Candidates">Relations that are asked for.</param>
/// <param name="Passage">The text to extract from.</param>
/// <param name="Triples">The facts in it.</param>
public sealed partial record RelationForm(IReadOnlyList<string> Candidates, string Passage, IReadOnlyList<Triple> Triples)
{
    /// <summary>The lecture's instruction; <c>{candidates}</c> stands for the quoted list.</summary>
    public const string InstructionTemplate =
        "已知候选的关系列表：[{candidates}]，请你根据关系列表，从以下输入中抽取出可能存在的头实体(Subject)与尾实体(Object)，并给出对应的关系三元组。请按照(Subject,Relation,Object)的格式回答。";

    private static readonly SearchValues<char> s_reserved = SearchValues.Create("',，[]()（）");

    /// <summary>Instruction, input and output; triples are ordered by the first mention of head, then tail.</summary>
    public InstructionRecord Render()
    {
        var list = string.Join(',', Candidates.Select(name => $"'{name.Trim()}'"));
        var instruction = InstructionTemplate.Replace("{candidates}", list, StringComparison.Ordinal);
        return new InstructionRecord(instruction, Passage, TripleText.Render(Ordered()));
    }

    /// <summary>Everything a person should look at: names that do not occur in the passage, relations that are not candidates, empty parts.</summary>
    public IReadOnlyList<DataProblem> Check()
    {
        var problems = new List<DataProblem>();
        void Say(string field, string message) => problems.Add(new DataProblem("form", 1, null, field, message));
        if (Passage.Trim().Length == 0)
            Say("passage", "is empty.");
        if (!Candidates.Any(name => name.Trim().Length > 0))
            Say("candidates", "names no relation.");
        foreach (var bad in Candidates.Where(name => name.AsSpan().IndexOfAny(s_reserved) >= 0))
            Say("candidates", $"'{bad}' holds a character that the linearisation uses itself (' , [ ] ( )).");
        for (var i = 0; i < Triples.Count; i++)
            CheckTriple(Triples[i], i + 1, Say);
        foreach (var twice in Triples.GroupBy(t => t).Where(g => g.Count() > 1))
            Say("triples", $"({twice.Key.Head},{twice.Key.Relation},{twice.Key.Tail}) is given twice.");
        return problems;
    }

    /// <summary>Reads the form back from a record; null when instruction or output have another form.</summary>
    public static RelationForm? TryRead(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var reading = TripleText.Read(record.Output);
        return CandidatesOf(record.Instruction) is { } candidates && reading.Parsed
            ? new RelationForm(candidates, record.Input, reading.Triples)
            : null;
    }

    /// <summary>Reads the form back; null unless writing it again gives exactly the same three texts, so that editing loses nothing.</summary>
    public static RelationForm? TryReadExact(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var plain = record with { Id = null, Split = null };
        return TryRead(plain) is { } form && form.Render() == plain ? form : null;
    }

    /// <summary>The quoted relations in the first brackets of an instruction; null when there are none.</summary>
    public static IReadOnlyList<string>? CandidatesOf(string instruction)
    {
        var list = BracketedList().Match(instruction);
        if (!list.Success)
            return null;
        var names = QuotedName().Matches(list.Groups[1].Value).Select(match => match.Groups[1].Value.Trim()).Where(name => name.Length > 0).ToArray();
        return names.Length > 0 ? names : null;
    }

    private void CheckTriple(Triple triple, int number, Action<string, string> say)
    {
        var field = $"triples[{number}]";
        foreach (var (part, value) in new[] { ("head", triple.Head), ("relation", triple.Relation), ("tail", triple.Tail) })
        {
            if (value.Trim().Length == 0)
                say(field, $"the {part} is empty.");
            else if (part != "tail" && value.AsSpan().IndexOfAny(",，") >= 0)
                say(field, $"the {part} '{value}' holds a comma, so the triple cannot be read back.");
        }

        if (triple.Relation.Trim().Length > 0 && !Candidates.Any(name => name.Trim() == triple.Relation.Trim()))
            say(field, $"'{triple.Relation}' is not among the candidate relations.");
        foreach (var name in new[] { triple.Head, triple.Tail }.Where(name => name.Trim().Length > 0 && !Passage.Contains(name.Trim(), StringComparison.Ordinal)))
            say(field, $"'{name}' does not occur in the passage.");
    }

    private IEnumerable<Triple> Ordered() => Triples
        .Select(t => new Triple(t.Head.Trim(), t.Relation.Trim(), t.Tail.Trim()))
        .OrderBy(t => Mention(t.Head))
        .ThenBy(t => Mention(t.Tail));

    private int Mention(string name) => Passage.IndexOf(name, StringComparison.Ordinal) is >= 0 and var at ? at : int.MaxValue;

    [GeneratedRegex(@"[\[【]([^\]】]*)[\]】]")]
    private static partial Regex BracketedList();

    [GeneratedRegex("['\"‘“]([^'\"’”]*)['\"’”]")]
    private static partial Regex QuotedName();
}
