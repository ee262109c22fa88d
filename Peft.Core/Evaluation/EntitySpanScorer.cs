using System.Globalization;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Evaluation;

/// <summary>Strict scoring of entities: one counts when start, end and type are equal; duplicates within a text count once.</summary>
public static class EntitySpanScorer
{
    /// <summary>Counts over texts.</summary>
    public static TripleCounts Count(IReadOnlyList<IReadOnlyList<EntitySpan>> wanted, IReadOnlyList<IReadOnlyList<EntitySpan>> given)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(given);
        var sum = default(TripleCounts);
        for (var i = 0; i < wanted.Count; i++)
        {
            var (gold, said) = (Set(wanted[i]), Set(given[i]));
            sum += new TripleCounts(said.Count(gold.Contains), said.Count, gold.Count);
        }

        return sum;
    }

    /// <summary>Entities without their text, for comparing.</summary>
    public static HashSet<(int Start, int End, string Type)> Set(IReadOnlyList<EntitySpan> entities)
    {
        ArgumentNullException.ThrowIfNull(entities);
        return [.. entities.Select(e => (e.Start, e.End, e.Type))];
    }

    /// <summary>Entities as people read them: <c>start-end type text</c>, separated by semicolons.</summary>
    public static string Text(string text, IReadOnlyList<EntitySpan> entities)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(entities);
        return string.Join("; ", entities.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Start}-{e.End} {e.Type} {text[e.Start..e.End]}")));
    }
}
