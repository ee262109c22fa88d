namespace Peft.Core.Data.Tasks;

/// <summary>
/// Entities as one tag per token: <c>B-type</c> where one begins, <c>I-type</c> inside, <c>O</c> elsewhere. Reading is tolerant as
/// conlleval is: an I- that continues nothing begins an entity.
/// </summary>
public static class EntityTags
{
    /// <summary>The tag of tokens outside of entities.</summary>
    public const string Outside = "O";

    /// <summary>Every tag for some types: O first, then B- and I- of each type.</summary>
    public static IReadOnlyList<string> Names(IEnumerable<string> types)
    {
        ArgumentNullException.ThrowIfNull(types);
        return [Outside, .. types.SelectMany(type => new[] { "B-" + type, "I-" + type })];
    }

    /// <summary>The types among some tags, in order.</summary>
    public static IReadOnlyList<string> Types(IEnumerable<string> tags)
    {
        ArgumentNullException.ThrowIfNull(tags);
        return [.. tags.Where(tag => tag.Length > 2).Select(tag => tag[2..]).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The tags of tokens: a token belongs to the entity that it overlaps; the first one of an entity begins it.</summary>
    /// <param name="tokens">Start and end of each token in the text; a token that covers nothing is outside.</param>
    /// <param name="entities">Entities in text order, not overlapping.</param>
    public static string[] Of(IReadOnlyList<(int Start, int End)> tokens, IReadOnlyList<EntitySpan> entities)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(entities);
        var tags = new string[tokens.Count];
        EntitySpan? open = null;
        for (var t = 0; t < tags.Length; t++)
        {
            var (start, end) = tokens[t];
            var entity = start == end ? null : entities.FirstOrDefault(e => start < e.End && end > e.Start);
            tags[t] = entity is null ? Outside : (entity == open ? "I-" : "B-") + entity.Type;
            open = start == end ? open : entity;
        }

        return tags;
    }

    /// <summary>The entities that tags name, as type, first and last token.</summary>
    public static IReadOnlyList<(string Type, int First, int Last)> Read(IReadOnlyList<string> tags)
    {
        ArgumentNullException.ThrowIfNull(tags);
        var found = new List<(string, int, int)>();
        var (type, first) = ((string?)null, 0);
        for (var t = 0; t <= tags.Count; t++)
        {
            var tag = t < tags.Count ? tags[t] : Outside;
            var here = tag.Length > 2 ? tag[2..] : null;
            if (type is not null && (here != type || tag[0] == 'B'))
            {
                found.Add((type, first, t - 1));
                type = null;
            }

            if (here is not null && type is null)
                (type, first) = (here, t);
        }

        return found;
    }
}
