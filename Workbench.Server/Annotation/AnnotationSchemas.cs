using System.Text.Json;
using Microsoft.Data.Sqlite;
using Peft.Core;
using Peft.Core.Data.Annotation;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;

namespace Workbench.Server.Annotation;

/// <summary>Schemas of a dataset. Every saved state stays; marks follow types that were renamed.</summary>
internal sealed class AnnotationSchemas(TimeProvider time, Storage.ICurrentPerson person)
{
    private const int RecordsLookedAt = 2000;

    private static readonly string[] s_english = ["Person", "Place", "Time", "Organization", "Work", "Other"];
    private static readonly string[] s_chinese = ["人物", "地点", "时间", "组织", "作品", "其他"];

    /// <summary>The schema that counts: the newest saved one (version from 1), or what the records themselves show (version 0).</summary>
    public static (int Version, AnnotationSchema Schema) Of(SqliteConnection connection) => AnnotationFile.NewestSchema(connection) ?? (0, FromRecords(connection));

    public AnnotationSchemaState State(WorkingFile file)
    {
        using var connection = AnnotationFile.Open(file);
        var (version, schema) = Of(connection);
        return State(connection, version, schema.WithKeys());
    }

    /// <summary>Saves a schema and takes the marks along that its renamed types have.</summary>
    /// <exception cref="AnnotationConflictException">Somebody else saved one in the meantime.</exception>
    /// <exception cref="PeftException">The schema is faulty; the message names every fault.</exception>
    public AnnotationSchemaState Save(WorkingFile file, SaveAnnotationSchema save)
    {
        var schema = ToEngine(save.Schema).WithKeys();
        var problems = schema.Check();
        if (problems.Count > 0)
            throw new PeftException(string.Join(Environment.NewLine, problems.Select(problem => $"{problem.Field}: {problem.Message}")));
        using var connection = AnnotationFile.Open(file);
        using var log = new OperationLog(connection, time.GetUtcNow(), person.Id);
        var (version, _) = Of(connection);
        if (version != save.Version)
            throw new AnnotationConflictException("Somebody else saved the schema in the meantime. Look at it and make your changes again.");
        AnnotationFile.AddSchema(connection, version + 1, schema, Now, person.Id);
        if (save.RenamedEntities is { Count: > 0 } || save.RenamedRelations is { Count: > 0 })
            Rename(connection, log, save.RenamedEntities ?? new Dictionary<string, string>(), save.RenamedRelations ?? new Dictionary<string, string>(), schema);
        var state = State(connection, version + 1, schema);
        log.Commit();
        return state;
    }

    public static AnnotationSchema ToEngine(AnnotationSchemaDto schema) => new(
        [.. schema.Entities.Select(e => new EntityType(e.Name.Trim(), e.Color, e.Key ?? "", e.Guideline ?? "", e.Patterns ?? ""))],
        [.. schema.Relations.Select(r => new RelationType(r.Name.Trim(), r.Domain ?? [], r.Range ?? [], r.Symmetric, r.Inverse ?? "", r.MaxPerHead, r.MaxPerTail, r.Key ?? "", r.Guideline ?? ""))],
        schema.Guideline ?? "");

    private static AnnotationSchemaState State(SqliteConnection connection, int version, AnnotationSchema schema) => new(
        version,
        new AnnotationSchemaDto(
            [.. schema.Entities.Select(e => new EntityTypeDto(e.Name, e.Color, e.Key, e.Guideline, e.Patterns))],
            [.. schema.Relations.Select(r => new RelationTypeDto(r.Name, r.Domain, r.Range, r.Symmetric, r.Inverse, r.MaxPerHead, r.MaxPerTail, r.Key, r.Guideline))],
            schema.Guideline),
        AnnotationFile.All(connection, null).Count(row => row.Text.Flags(schema).Count > 0), AnnotationSchema.ReservedKeys, AnnotationSchema.Colors);

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private void Rename(SqliteConnection connection, OperationLog log, IReadOnlyDictionary<string, string> entities, IReadOnlyDictionary<string, string> relations, AnnotationSchema schema)
    {
        var begun = false;
        foreach (var row in AnnotationFile.All(connection, null).ToList())
        {
            SpanChange[] spans = [.. row.Text.Spans.Where(s => entities.ContainsKey(s.Type)).Select(s => new SpanChange(s, s with { Type = entities[s.Type] }))];
            RelationChange[] arcs = [.. row.Text.Relations.Where(r => relations.ContainsKey(r.Type)).Select(r => new RelationChange(r, r with { Type = relations[r.Type] }))];
            if (spans.Length + arcs.Length == 0 || AnnotationStore.Current(connection, row.Record, row.Layer, schema) is not var (current, place, _) || current.Content != row.Content)
                continue;
            var operation = new AnnotationOperation(RecordTexts.NewId(), "rename", spans, arcs);
            var after = row with
            {
                Text = AnnotationRules.Apply(row.Text, operation, schema, trusted: true),
                Candidates = [.. row.Candidates.Select(name => relations.GetValueOrDefault(name, name)).Distinct()],
                Revision = AnnotationFile.Log(connection, row.Record, row.Layer, operation, Now, person.Id),
            };
            if (row.Layer.Length == 0 && RecordTexts.Content(place.Record, place.Kind, after.Text, after.Candidates, after.State) is { } content)
            {
                if (!begun)
                    log.Begin("annotate", "Rename types");
                begun = true;
                log.Put(row.Record, place.Version, place.Record.Split, place.Position, log.AddContent(content));
                after = after with { Content = RecordQueries.State(connection, row.Record)!.Value.Content };
            }

            AnnotationFile.Put(connection, after);
        }
    }

    /// <summary>Relations that the records ask for and name, entity types of tagged texts; else the usual types in the language of the texts.</summary>
    private static AnnotationSchema FromRecords(SqliteConnection connection)
    {
        var (entities, relations, chinese) = (new List<string>(), new List<string>(), 0);
        foreach (var record in RecordQueries.All(connection, null).Take(RecordsLookedAt))
        {
            chinese += record.Input.Any(c => c is >= '\u4e00' and <= '\u9fff') ? 1 : -1;
            relations.AddRange(record.Form?.Candidates ?? []);
            relations.AddRange(record.Form?.Triples.Select(t => t.Relation) ?? []);
            if (record.Data is { ValueKind: JsonValueKind.Object } data && data.TryGetProperty("entities", out var marked) && marked.ValueKind == JsonValueKind.Array)
                entities.AddRange(marked.EnumerateArray().Select(e => e.GetProperty("type").GetString()!));
        }

        var types = entities.Count > 0 ? entities.Distinct().Order(StringComparer.Ordinal).ToList() : [.. chinese > 0 ? s_chinese : s_english];
        return new AnnotationSchema(
            [.. types.Select((name, i) => new EntityType(name, i % AnnotationSchema.Colors))],
            [.. relations.Select(name => name.Trim()).Where(name => name.Length > 0).Distinct().Select(name => new RelationType(name, [], []))]);
    }
}
