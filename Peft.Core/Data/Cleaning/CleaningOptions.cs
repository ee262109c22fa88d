namespace Peft.Core.Data.Cleaning;

/// <summary>What a rule does to a record it finds.</summary>
public enum CleaningAction
{
    /// <summary>Only says so.</summary>
    Show,

    /// <summary>Corrects the text.</summary>
    Fix,

    /// <summary>Takes the record out, into the quarantine.</summary>
    Remove,
}

/// <summary>A rule and what it does by default.</summary>
/// <param name="Name">Fixed name, e.g. <c>near_duplicate</c>.</param>
/// <param name="Default">What it does unless a person says otherwise; null: it does not run.</param>
/// <param name="CanFix">Whether it knows a correction.</param>
public sealed record CleaningRule(string Name, CleaningAction? Default, bool CanFix = false)
{
    /// <summary>All rules in the order they act: a record that one takes out is not looked at by the next.</summary>
    public static IReadOnlyList<CleaningRule> All { get; } =
    [
        new("encoding_damage", CleaningAction.Remove),
        new("html", CleaningAction.Fix, CanFix: true),
        new("surrounding_blanks", CleaningAction.Fix, CanFix: true),
        new("empty", CleaningAction.Remove),
        new("too_short", null),
        new("too_long", CleaningAction.Remove),
        new("repetition", null),
        new("personal_data", null, CanFix: true),
        new("language_mismatch", null),
        new("unsupported_output", CleaningAction.Remove),
        new("relation_outside_candidates", CleaningAction.Remove),
        new("unreadable_output", CleaningAction.Show),
        new("exact_duplicate", CleaningAction.Remove),
        new("width_variant", CleaningAction.Remove),
        new("near_duplicate", CleaningAction.Remove),
        new("conflicting_output", CleaningAction.Show),
        new("leaked_test", CleaningAction.Remove),
    ];
}

/// <summary>Which rules run, and their limits.</summary>
public sealed record CleaningOptions
{
    /// <summary>Rules that run and what they do; null takes the defaults.</summary>
    public IReadOnlyDictionary<string, CleaningAction>? Rules { get; init; }

    /// <summary>Fewest characters of a question.</summary>
    public int Shortest { get; init; } = 5;

    /// <summary>Most characters of a question; null finds a limit far outside of what the data has.</summary>
    public int? Longest { get; init; }

    /// <summary>Share of common character n-grams (Jaccard) from which two questions count as nearly the same.</summary>
    public double Similarity { get; init; } = 0.8;

    /// <summary>Length of the character n-grams.</summary>
    public int Shingle { get; init; } = 3;

    /// <summary>Share of repeated 10-grams from which an output counts as repetitive.</summary>
    public double Repetition { get; init; } = 0.5;

    /// <summary>What a rule does; null when it does not run.</summary>
    public CleaningAction? Action(string rule) => Rules is null
        ? CleaningRule.All.First(one => one.Name == rule).Default
        : Rules.TryGetValue(rule, out var action) ? action : null;
}

/// <summary>What the rules look at of a record.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Split"><c>train</c>, <c>dev</c> or <c>test</c>.</param>
/// <param name="Instruction">What to do; empty for other kinds.</param>
/// <param name="Input">The text.</param>
/// <param name="Output">The answer, or the label.</param>
/// <param name="Candidates">Relations that are asked for, where the record is relation extraction.</param>
/// <param name="IsInstruction">Whether an answer is wanted in words.</param>
public sealed record CleaningItem(string Id, string Split, string Instruction, string Input, string Output, IReadOnlyList<string>? Candidates, bool IsInstruction = true)
{
    /// <summary>What makes the record itself: the input, or the instruction where there is none.</summary>
    public string Question => Input.Length > 0 ? Input : Instruction;
}

/// <summary>What a rule found.</summary>
/// <param name="Rule">Name of the rule.</param>
/// <param name="Action">What is to be done.</param>
/// <param name="Id">The record.</param>
/// <param name="Detail">Why, for people.</param>
/// <param name="Other">The record it is like, where there is one.</param>
public sealed record CleaningFinding(string Rule, CleaningAction Action, string Id, string Detail, string? Other = null);

/// <summary>What cleaning would do.</summary>
/// <param name="Findings">All findings, by record.</param>
/// <param name="Removed">Records that go, each with the finding that decides.</param>
/// <param name="Fixed">Corrected texts of records that stay.</param>
/// <param name="Funnel">Records left behind each rule, in order.</param>
public sealed record CleaningReport(
    IReadOnlyList<CleaningFinding> Findings, IReadOnlyDictionary<string, CleaningFinding> Removed, IReadOnlyDictionary<string, CleaningItem> Fixed,
    IReadOnlyList<(string Rule, int Found, int Left)> Funnel);
