namespace Peft.Core.Data.Annotation;

/// <summary>A kind of entity.</summary>
/// <param name="Name">Name, as it stands on the screen and in exports.</param>
/// <param name="Color">Number of a colour of the palette, from 0 to 11; the palette keeps its contrast in light and dark.</param>
/// <param name="Key">One digit or letter that marks a selection with this type; empty for none.</param>
/// <param name="Guideline">What belongs to it and what does not, with examples, in Markdown.</param>
/// <param name="Patterns">Rules that find it, one a line: words, or a regular expression between slashes.</param>
public sealed record EntityType(string Name, int Color, string Key = "", string Guideline = "", string Patterns = "");

/// <summary>A kind of relation.</summary>
/// <param name="Name">Name.</param>
/// <param name="Domain">Types that its head may have; empty allows every type.</param>
/// <param name="Range">Types that its tail may have; empty allows every type.</param>
/// <param name="Symmetric">Head and tail may be exchanged without a change of meaning.</param>
/// <param name="Inverse">The relation that says the same from tail to head; empty for none.</param>
/// <param name="MaxPerHead">How many tails one head may have; 0 sets no limit.</param>
/// <param name="MaxPerTail">How many heads one tail may have; 0 sets no limit.</param>
/// <param name="Key">One digit or letter that chooses it once head and tail are known; empty for none.</param>
/// <param name="Guideline">What counts as this relation, with examples, in Markdown.</param>
public sealed record RelationType(
    string Name, IReadOnlyList<string> Domain, IReadOnlyList<string> Range, bool Symmetric = false, string Inverse = "",
    int MaxPerHead = 0, int MaxPerTail = 0, string Key = "", string Guideline = "");

/// <summary>What may be marked in the texts of a dataset.</summary>
/// <param name="Entities">Kinds of entities.</param>
/// <param name="Relations">Kinds of relations.</param>
/// <param name="Guideline">What holds for all of it, in Markdown.</param>
public sealed record AnnotationSchema(IReadOnlyList<EntityType> Entities, IReadOnlyList<RelationType> Relations, string Guideline = "")
{
    /// <summary>Colours of the palette.</summary>
    public const int Colors = 12;

    /// <summary>Letters that the annotation page needs itself while something is selected.</summary>
    public const string ReservedKeys = "abcdegjklmnoprstvwxy";

    private const string Usable = "0123456789abcdefghijklmnopqrstuvwxyz";

    /// <summary>A schema without types.</summary>
    public static AnnotationSchema Empty { get; } = new([], []);

    /// <summary>Everything that is wrong with the schema itself.</summary>
    public IReadOnlyList<DataProblem> Check()
    {
        var problems = new List<DataProblem>();
        void Say(string field, string message) => problems.Add(new DataProblem("schema", 1, null, field, message));
        CheckNames("entities", [.. Entities.Select(e => e.Name)], Say);
        CheckNames("relations", [.. Relations.Select(r => r.Name)], Say);
        CheckKeys("entities", [.. Entities.Select(e => (e.Name, e.Key))], ReservedKeys, Say);
        CheckKeys("relations", [.. Relations.Select(r => (r.Name, r.Key))], "", Say);
        foreach (var entity in Entities.Where(e => e.Color is < 0 or >= Colors))
            Say("entities", $"'{entity.Name}' has colour {entity.Color}; the palette has the colours 0 to {Colors - 1}.");
        foreach (var entity in Entities)
        {
            foreach (var pattern in MentionFinder.Patterns(entity))
            {
                if (MentionFinder.Fault(pattern) is { } fault)
                    Say("entities", $"'{entity.Name}' has the rule '{pattern}', which is no regular expression that can be used: {fault}");
            }
        }

        foreach (var relation in Relations)
        {
            foreach (var name in relation.Domain.Concat(relation.Range).Where(name => Entity(name) is null).Distinct())
                Say("relations", $"'{relation.Name}' names the entity type '{name}', which the schema does not have.");
            if (relation.Inverse.Length > 0 && Relation(relation.Inverse) is null)
                Say("relations", $"'{relation.Name}' names the inverse '{relation.Inverse}', which the schema does not have.");
            if (relation.Symmetric && relation.Inverse.Length > 0 && relation.Inverse != relation.Name)
                Say("relations", $"'{relation.Name}' is symmetric and so its own inverse; remove the inverse '{relation.Inverse}'.");
            if (relation.Symmetric && !relation.Domain.ToHashSet().SetEquals(relation.Range))
                Say("relations", $"'{relation.Name}' is symmetric, so head and tail must allow the same types.");
            if (relation.MaxPerHead < 0 || relation.MaxPerTail < 0)
                Say("relations", $"'{relation.Name}' has a negative limit; 0 sets no limit.");
        }

        return problems;
    }

    /// <summary>The entity type of a name; null when there is none.</summary>
    public EntityType? Entity(string name) => Entities.FirstOrDefault(e => e.Name == name);

    /// <summary>The relation type of a name; null when there is none.</summary>
    public RelationType? Relation(string name) => Relations.FirstOrDefault(r => r.Name == name);

    /// <summary>
    /// Why a relation may not go from one type to another; null when it may. An entity whose type nobody has chosen yet fits everywhere.
    /// </summary>
    public string? Illegal(string relation, string headType, string tailType)
    {
        if (Relation(relation) is not { } type)
            return $"The schema has no relation '{relation}'.";
        if (headType.Length > 0 && type.Domain.Count > 0 && !type.Domain.Contains(headType))
            return $"'{relation}' starts at {string.Join(" / ", type.Domain)}, not at {headType}.";
        if (tailType.Length > 0 && type.Range.Count > 0 && !type.Range.Contains(tailType))
            return $"'{relation}' leads to {string.Join(" / ", type.Range)}, not to {tailType}.";
        return null;
    }

    /// <summary>Gives types without a key the next free one, in order.</summary>
    public AnnotationSchema WithKeys()
    {
        var entityKeys = new Queue<char>(Usable[1..].Append('0').Where(c => !ReservedKeys.Contains(c) && Entities.All(e => e.Key != c.ToString())));
        var relationKeys = new Queue<char>(Usable[1..].Append('0').Where(c => Relations.All(r => r.Key != c.ToString())));
        return this with
        {
            Entities = [.. Entities.Select(e => e.Key.Length > 0 || entityKeys.Count == 0 ? e : e with { Key = entityKeys.Dequeue().ToString() })],
            Relations = [.. Relations.Select(r => r.Key.Length > 0 || relationKeys.Count == 0 ? r : r with { Key = relationKeys.Dequeue().ToString() })],
        };
    }

    private static void CheckNames(string field, IReadOnlyList<string> names, Action<string, string> say)
    {
        if (names.Any(name => name.Trim().Length == 0))
            say(field, "a type has no name.");
        foreach (var name in names.Where(name => name.Trim().Length > 0 && name != name.Trim()))
            say(field, $"'{name}' begins or ends with a blank.");
        foreach (var twice in names.Where(name => name.Length > 0).GroupBy(name => name).Where(group => group.Count() > 1))
            say(field, $"'{twice.Key}' is given twice.");
    }

    private static void CheckKeys(string field, IReadOnlyList<(string Name, string Key)> types, string reserved, Action<string, string> say)
    {
        foreach (var (name, key) in types.Where(type => type.Key.Length > 0))
        {
            if (key.Length != 1 || !Usable.Contains(key[0]))
                say(field, $"'{name}' has the key '{key}'; a key is one digit or one small letter.");
            else if (reserved.Contains(key[0]))
                say(field, $"'{name}' has the key '{key}', which the page needs itself; free are digits and the letters {string.Join(' ', Usable.Where(c => char.IsLetter(c) && !reserved.Contains(c)))}.");
        }

        foreach (var twice in types.Where(type => type.Key.Length > 0).GroupBy(type => type.Key).Where(group => group.Count() > 1))
            say(field, $"the key '{twice.Key}' is given to {string.Join(" and ", twice.Select(type => type.Name))}.");
    }
}
