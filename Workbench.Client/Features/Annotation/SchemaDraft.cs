using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Annotation;

/// <summary>An entity type while it is edited; it remembers its old name, so that what is marked can follow.</summary>
public sealed class EntityDraft
{
    public string? OldName { get; init; }

    public string Name { get; set; } = "";

    public int Color { get; set; }

    public string Key { get; set; } = "";

    public string Guideline { get; set; } = "";

    public string Patterns { get; set; } = "";
}

/// <summary>A relation type while it is edited. Domain and range hold the entity drafts themselves: renaming one renames it here.</summary>
public sealed class RelationTypeDraft
{
    public string? OldName { get; init; }

    public string Name { get; set; } = "";

    public HashSet<EntityDraft> Domain { get; } = [];

    public HashSet<EntityDraft> Range { get; } = [];

    public bool Symmetric { get; set; }

    public RelationTypeDraft? Inverse { get; set; }

    public int MaxPerHead { get; set; }

    public int MaxPerTail { get; set; }

    public string Key { get; set; } = "";

    public string Guideline { get; set; } = "";
}

/// <summary>A schema while it is edited.</summary>
public sealed class SchemaDraft
{
    private readonly int _version;

    public SchemaDraft(AnnotationSchemaState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        _version = state.Version;
        Guideline = state.Schema.Guideline;
        Entities = [.. state.Schema.Entities.Select(e => new EntityDraft { OldName = e.Name, Name = e.Name, Color = e.Color, Key = e.Key, Guideline = e.Guideline, Patterns = e.Patterns })];
        Relations = [.. state.Schema.Relations.Select(Draft)];
        foreach (var (draft, relation) in Relations.Zip(state.Schema.Relations))
            draft.Inverse = Relations.FirstOrDefault(other => other.Name == relation.Inverse && relation.Inverse.Length > 0);
    }

    public List<EntityDraft> Entities { get; }

    public List<RelationTypeDraft> Relations { get; }

    public string Guideline { get; set; }

    public void AddEntity(int colors)
    {
        var used = Entities.Select(e => e.Color).ToHashSet();
        Entities.Add(new EntityDraft { Color = Enumerable.Range(0, colors).FirstOrDefault(color => !used.Contains(color)) });
    }

    public void Remove(EntityDraft entity)
    {
        Entities.Remove(entity);
        foreach (var relation in Relations)
        {
            relation.Domain.Remove(entity);
            relation.Range.Remove(entity);
        }
    }

    public void Remove(RelationTypeDraft relation)
    {
        Relations.Remove(relation);
        foreach (var other in Relations.Where(other => other.Inverse == relation))
            other.Inverse = null;
    }

    public SaveAnnotationSchema ToSave() => new(
        _version,
        new AnnotationSchemaDto(
            [.. Entities.Select(e => new EntityTypeDto(e.Name.Trim(), e.Color, Key(e.Key), e.Guideline, e.Patterns))],
            [.. Relations.Select(r => new RelationTypeDto(
                r.Name.Trim(), Names(r.Domain), Names(r.Range), r.Symmetric, r.Inverse?.Name.Trim() ?? "", r.MaxPerHead, r.MaxPerTail, Key(r.Key), r.Guideline))],
            Guideline),
        Entities.Where(e => e.OldName is { } old && old != e.Name.Trim()).ToDictionary(e => e.OldName!, e => e.Name.Trim()),
        Relations.Where(r => r.OldName is { } old && old != r.Name.Trim()).ToDictionary(r => r.OldName!, r => r.Name.Trim()));

    private string[] Names(HashSet<EntityDraft> chosen) => [.. Entities.Where(chosen.Contains).Select(e => e.Name.Trim())];

    private RelationTypeDraft Draft(RelationTypeDto relation)
    {
        var draft = new RelationTypeDraft
        {
            OldName = relation.Name, Name = relation.Name, Symmetric = relation.Symmetric, MaxPerHead = relation.MaxPerHead, MaxPerTail = relation.MaxPerTail,
            Key = relation.Key, Guideline = relation.Guideline,
        };
        draft.Domain.UnionWith(Entities.Where(e => relation.Domain.Contains(e.Name)));
        draft.Range.UnionWith(Entities.Where(e => relation.Range.Contains(e.Name)));
        return draft;
    }

    private static string Key(string key) => key.Trim().ToLowerInvariant();
}
