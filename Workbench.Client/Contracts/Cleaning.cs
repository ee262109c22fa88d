namespace Workbench.Client.Contracts;

/// <summary>A rule: what it does by default (<c>show</c>, <c>fix</c>, <c>remove</c>; null: it does not run) and whether it knows a correction.</summary>
public sealed record CleaningRuleDto(string Name, string? Default, bool CanFix);

/// <summary>Which rules run, what they do, and their limits; null takes the defaults.</summary>
public sealed record CleaningOrder(
    IReadOnlyDictionary<string, string>? Rules = null, int? Shortest = null, int? Longest = null, double? Similarity = null, int? Shingle = null);

/// <summary>What cleaning would do, or did: records before and after, counts along the rules, examples of each.</summary>
public sealed record CleaningPreview(int Before, int Removed, int Corrected, IReadOnlyList<CleaningStep> Steps);

/// <summary>One rule: what it found, how many records are left behind it, and some of what it found.</summary>
public sealed record CleaningStep(string Rule, string Action, int Found, int Left, IReadOnlyList<CleaningExample> Examples);

/// <summary>A record that a rule found, with the record it is like or what it would be corrected to.</summary>
public sealed record CleaningExample(string Record, string Detail, CleaningText Text, CleaningText? Corrected, CleaningText? Other, string? OtherRecord);

/// <summary>The texts of a record.</summary>
public sealed record CleaningText(string Instruction, string Input, string Output);

/// <summary>What is set aside: records that can come back, and rows that no record could be made of.</summary>
public sealed record QuarantinePage(int Total, int Offset, IReadOnlyList<QuarantineReason> Reasons, IReadOnlyList<QuarantinedDto> Items);

/// <summary>How many are set aside for one reason.</summary>
public sealed record QuarantineReason(string Reason, int Count, bool CanRestore);

/// <summary>One that is set aside. <c>Text</c> is null for a row that never became a record; <c>Raw</c> then is the row.</summary>
public sealed record QuarantinedDto(string Id, string Source, string Reason, string Detail, CleaningText? Text, string? Raw);

/// <summary>What comes back: the named ones, or all of a reason, or all.</summary>
public sealed record RestoreOrder(IReadOnlyList<string>? Ids, string? Reason);
