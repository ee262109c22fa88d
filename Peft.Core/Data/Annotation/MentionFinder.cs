using System.Text.RegularExpressions;

namespace Peft.Core.Data.Annotation;

/// <summary>A stretch of a text that probably is an entity.</summary>
/// <param name="Start">UTF-16 offset of its first character.</param>
/// <param name="End">UTF-16 offset behind its last character.</param>
/// <param name="Type">Entity type.</param>
/// <param name="Score">Share of such mentions that people marked so, from 0 to 1; 1 for a rule of the schema.</param>
public sealed record FoundMention(int Start, int End, string Type, double Score);

/// <summary>
/// Finds entities by the rules of a schema and by what people marked in other texts. Longer words win over shorter ones, rules over habits; what is
/// marked already is not found again.
/// </summary>
public static class MentionFinder
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The mentions of a text.</summary>
    /// <param name="text">The text with what is marked in it.</param>
    /// <param name="schema">Rules of the types.</param>
    /// <param name="others">Texts that people annotated.</param>
    public static IReadOnlyList<FoundMention> Find(AnnotatedText text, AnnotationSchema schema, IEnumerable<AnnotatedText> others)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(others);
        var places = new TextUnits(text.Text);
        var found = schema.Entities.SelectMany(type => Patterns(type).SelectMany(pattern => Matches(pattern, text.Text)).Select(m => new FoundMention(m.Start, m.End, type.Name, 1)))
            .Concat(Habits(text.Text, schema, [.. others]))
            .Where(m => m.Start < m.End && places.IsBoundary(m.Start) && places.IsBoundary(m.End))
            .OrderByDescending(m => m.End - m.Start).ThenByDescending(m => m.Score).ThenBy(m => m.Start);
        var taken = text.Spans.Select(s => (s.Start, s.End)).ToList();
        var result = new List<FoundMention>();
        foreach (var mention in found.Where(m => !taken.Any(t => t.Start < m.End && m.Start < t.End)))
        {
            taken.Add((mention.Start, mention.End));
            result.Add(mention);
        }

        return [.. result.OrderBy(m => m.Start)];
    }

    /// <summary>Why a rule cannot be used; null when it can.</summary>
    public static string? Fault(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        if (!IsExpression(pattern))
            return null;
        try
        {
            _ = Expression(pattern);
            return null;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return e.Message;
        }
    }

    /// <summary>The rules of a type: one a line, words as they are or a regular expression between slashes.</summary>
    public static IEnumerable<string> Patterns(EntityType type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return type.Patterns.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    private static IEnumerable<(int Start, int End)> Matches(string pattern, string text)
    {
        if (!IsExpression(pattern))
            return Occurrences(text, pattern).Select(at => (at, at + pattern.Length));
        return Expression(pattern).Matches(text).Select(m => (m.Index, m.Index + m.Length)).Where(m => m.Item2 > m.Item1);
    }

    private static bool IsExpression(string pattern) => pattern.Length > 2 && pattern[0] == '/' && pattern[^1] == '/';

    /// <summary>Without backtracking: no expression takes longer than the text is long.</summary>
    private static Regex Expression(string pattern) => new(pattern[1..^1], RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, s_patience);

    private static IEnumerable<FoundMention> Habits(string text, AnnotationSchema schema, List<AnnotatedText> others)
    {
        var marked = others.SelectMany(other => other.Spans.Where(s => schema.Entity(s.Type) is not null).Select(s => (Words: other.Words(s), s.Type)))
            .Where(mark => mark.Words.Trim().Length > 0 && text.Contains(mark.Words, StringComparison.Ordinal))
            .GroupBy(mark => mark.Words);
        foreach (var words in marked)
        {
            var most = words.GroupBy(mark => mark.Type).MaxBy(type => type.Count())!;
            var all = others.Where(other => other.Spans.Count > 0).Sum(other => Occurrences(other.Text, words.Key).Count());
            var score = Math.Min(1, (double)most.Count() / Math.Max(1, all));
            foreach (var at in Occurrences(text, words.Key))
                yield return new FoundMention(at, at + words.Key.Length, most.Key, score);
        }
    }

    private static IEnumerable<int> Occurrences(string text, string words)
    {
        for (var at = text.IndexOf(words, StringComparison.Ordinal); at >= 0; at = text.IndexOf(words, at + words.Length, StringComparison.Ordinal))
            yield return at;
    }
}
