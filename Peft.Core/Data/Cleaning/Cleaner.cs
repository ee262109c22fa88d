using System.Globalization;
using System.Text;

namespace Peft.Core.Data.Cleaning;

/// <summary>Runs the rules over records. Nothing is changed: the report says what would be taken out, what corrected, and why.</summary>
public sealed class Cleaner
{
    private readonly CleaningOptions options;
    private readonly List<CleaningFinding> findings = [];
    private readonly Dictionary<string, CleaningFinding> removed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CleaningItem> corrected = new(StringComparer.Ordinal);
    private readonly List<(string, int, int)> funnel = [];
    private List<CleaningItem> left;

    private Cleaner(IReadOnlyList<CleaningItem> items, CleaningOptions options)
    {
        this.options = options;
        left = [.. items];
    }

    /// <summary>What cleaning these records would do.</summary>
    public static CleaningReport Run(IReadOnlyList<CleaningItem> items, CleaningOptions options)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(options);
        var cleaner = new Cleaner(items, options);
        cleaner.RunAll();
        return new CleaningReport(cleaner.findings, cleaner.removed, cleaner.corrected, cleaner.funnel);
    }

    private void RunAll()
    {
        foreach (var rule in CleaningRule.All)
        {
            if (options.Action(rule.Name) is not { } action)
                continue;
            if (action == CleaningAction.Fix && !rule.CanFix)
                throw new PeftException($"Rule '{rule.Name}' knows no correction; use show or remove.");
            var before = findings.Count;
            Apply(rule.Name, action);
            left = [.. left.Where(item => !removed.ContainsKey(item.Id))];
            funnel.Add((rule.Name, findings.Count - before, left.Count));
        }
    }

    private void Apply(string rule, CleaningAction action)
    {
        switch (rule)
        {
            case "html":
                Correct(rule, action, TextChange.HasHtml, text => TextChange.WithoutHtml(text).Text, "HTML tags or entities");
                break;
            case "surrounding_blanks":
                Correct(rule, action, text => text.Length > 0 && (char.IsWhiteSpace(text[0]) || char.IsWhiteSpace(text[^1])), text => text.Trim(), "blanks at the beginning or end");
                break;
            case "personal_data":
                Correct(rule, action, TextChange.HasPersonal, text => TextChange.Masked(text).Text, "a mobile number, an identity number or an e-mail address");
                break;
            case "exact_duplicate" or "width_variant" or "leaked_test" or "conflicting_output":
                Repeated(rule, action);
                break;
            case "near_duplicate":
                Near(action);
                break;
            case "too_long":
                var limit = options.Longest ?? LongestUsual();
                Each(rule, action, item => item.Question.Length > limit ? $"The question has {item.Question.Length} characters; the limit is {limit}." : null);
                break;
            default:
                Each(rule, action, item => RecordChecks.Check(rule, item, options));
                break;
        }
    }

    private void Each(string rule, CleaningAction action, Func<CleaningItem, string?> check)
    {
        foreach (var item in left)
        {
            if (check(item) is { } detail)
                Find(new CleaningFinding(rule, action, item.Id, detail));
        }
    }

    private void Correct(string rule, CleaningAction action, Func<string, bool> has, Func<string, string> correct, string what)
    {
        for (var i = 0; i < left.Count; i++)
        {
            var item = left[i];
            var fields = new[] { ("instruction", item.Instruction), ("input", item.Input), ("output", item.Output) }.Where(field => has(field.Item2)).Select(field => field.Item1).ToList();
            if (fields.Count == 0)
                continue;
            Find(new CleaningFinding(rule, action, item.Id, $"The {string.Join(" and the ", fields)} holds {what}."));
            if (action == CleaningAction.Fix)
                corrected[item.Id] = left[i] = item with { Instruction = correct(item.Instruction), Input = correct(item.Input), Output = correct(item.Output) };
        }
    }

    private void Repeated(string rule, CleaningAction action)
    {
        var first = new Dictionary<string, CleaningItem>(StringComparer.Ordinal);

        // Test and dev come first where it is about leakage: the record that goes is the one in train.
        var order = rule == "leaked_test" ? left.OrderBy(item => item.Split == "train" ? 1 : 0).ToList() : left;
        foreach (var item in order)
        {
            var key = rule == "exact_duplicate"
                ? string.Join('\u0001', item.Split, item.Instruction, item.Input, item.Output)
                : string.Join('\u0001', rule == "leaked_test" ? "" : item.Split, Normalised(item.Instruction), Normalised(item.Input), rule == "width_variant" ? Normalised(item.Output) : "");
            if (first.TryAdd(key, item))
                continue;
            var other = first[key];
            var detail = rule switch
            {
                "exact_duplicate" => "The same record occurs before.",
                "width_variant" => "The same record occurs before; only the width of characters or blanks differ.",
                "leaked_test" when item.Split == "train" && other.Split != "train" => $"The same question is in {other.Split}: a test would ask for what was trained.",
                "conflicting_output" when Normalised(item.Output) != Normalised(other.Output) => "The same question has another answer before.",
                _ => null,
            };
            if (detail is not null)
                Find(new CleaningFinding(rule, action, item.Id, detail, other.Id));
        }
    }

    private void Near(CleaningAction action)
    {
        var (texts, groups, order) = (new NearDuplicates(options.Shingle, options.Similarity), new Dictionary<string, int>(StringComparer.Ordinal), new List<CleaningItem>());
        foreach (var item in left)
        {
            // Never across instructions: under one template unrelated texts look alike, and the same passage may be asked for different things.
            var key = item.Split + '\u0001' + (item.Input.Length > 0 ? Normalised(item.Instruction) : "");
            if (!groups.TryGetValue(key, out var group))
                groups[key] = group = groups.Count;
            order.Add(item);
            if (texts.Add(Normalised(item.Question), group) is { } like)
                Find(new CleaningFinding("near_duplicate", action, item.Id, string.Create(CultureInfo.InvariantCulture, $"{like.Similarity:P0} of the character groups are those of a record before."), order[like.Index].Id));
        }
    }

    private void Find(CleaningFinding finding)
    {
        findings.Add(finding);
        if (finding.Action == CleaningAction.Remove)
            removed.TryAdd(finding.Id, finding);
    }

    /// <summary>Far outside of what the data has: ten times the middle spread above the upper quarter, and at least 500 characters.</summary>
    private int LongestUsual()
    {
        if (left.Count == 0)
            return int.MaxValue;
        var lengths = left.Select(item => item.Question.Length).Order().ToList();
        var (low, high) = (lengths[lengths.Count / 4], lengths[lengths.Count * 3 / 4]);
        return Math.Max(500, high + (10 * (high - low)));
    }

    /// <summary>Compatibility forms, no blanks, no case: what two writings of one text have in common.</summary>
    internal static string Normalised(string text)
    {
        var folded = IsPlain(text) ? text : text.Normalize(NormalizationForm.FormKC);
        var kept = new StringBuilder(folded.Length);
        foreach (var c in folded)
        {
            if (!char.IsWhiteSpace(c))
                kept.Append(c == '。' ? '.' : char.ToLowerInvariant(c));
        }

        return kept.ToString();
    }

    private static bool IsPlain(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !char.IsSurrogatePair(text, i) && (i == 0 || !char.IsSurrogatePair(text, i - 1)))
                return true; // half a character cannot be normalised
        }

        return false;
    }
}
