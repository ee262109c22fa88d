namespace Workbench.Client.Contracts;

/// <summary>A kind of entity: colour 0 to 11 of the palette, one key, a guideline in Markdown, rules that find it (one a line).</summary>
public sealed record EntityTypeDto(string Name, int Color, string Key = "", string Guideline = "", string Patterns = "");

/// <summary>A kind of relation. Empty domain or range allows every type; a limit of 0 is none.</summary>
public sealed record RelationTypeDto(
    string Name, IReadOnlyList<string> Domain, IReadOnlyList<string> Range, bool Symmetric = false, string Inverse = "",
    int MaxPerHead = 0, int MaxPerTail = 0, string Key = "", string Guideline = "");

/// <summary>What may be marked in the texts of a dataset.</summary>
public sealed record AnnotationSchemaDto(IReadOnlyList<EntityTypeDto> Entities, IReadOnlyList<RelationTypeDto> Relations, string Guideline = "");

/// <summary>
/// A new state of the schema. <c>Version</c> is the one it was made from; types that were renamed are named, so that what is marked keeps its meaning.
/// </summary>
public sealed record SaveAnnotationSchema(
    int Version, AnnotationSchemaDto Schema, IReadOnlyDictionary<string, string>? RenamedEntities = null, IReadOnlyDictionary<string, string>? RenamedRelations = null);

/// <summary>A schema with its number (0: nobody has saved one, it was read off the records) and how many texts it now contradicts.</summary>
public sealed record AnnotationSchemaState(int Version, AnnotationSchemaDto Schema, int Flagged, string ReservedKeys, int Colors);

/// <summary>How far a dataset is annotated.</summary>
public sealed record AnnotationProgress(int Records, int Done, int Skipped, int Entities, int Relations);

/// <summary>Instruction, input and output of a record while it is annotated.</summary>
public sealed record RecordTextsDto(string Instruction, string Input, string Output);

/// <summary>Texts that somebody typed over those of a record.</summary>
public sealed record ReadRecordTexts(RecordTextsDto Texts);

/// <summary>A record's texts beside its graph; <c>Follows</c>: the output says the triples of the graph.</summary>
public sealed record AnnotatedTextsDto(
    string Instruction, string Input, string Output, bool Editable, bool Follows, IReadOnlyList<string> Problems, IReadOnlyList<AnnotationFlagDto> Flags);

/// <summary>A span or relation that the schema does not allow, and why.</summary>
public sealed record AnnotationFlagDto(string Id, string Message);

/// <summary>What is wrong with a typed text, in place.</summary>
public sealed record TextProblemDto(string Field, int? Column, string Message);

/// <summary>Asks for suggestions: of a run's adapter, or (null) of rules and of what is marked in other records.</summary>
public sealed record AskSuggestions(string? RunId);

/// <summary>Somebody who has a dataset open, and the record they look at.</summary>
public sealed record AnnotatorDto(string Connection, string Name, string? Record);

/// <summary>What the server pushes to those who annotate a dataset.</summary>
public interface IAnnotationClient
{
    /// <summary>Somebody came, left or went to another record.</summary>
    Task AnnotatorsChanged(IReadOnlyList<AnnotatorDto> annotators);

    /// <summary>An operation was applied to a record, as the API takes it.</summary>
    Task Annotated(string record, System.Text.Json.JsonElement operation);
}

/// <summary>What those who annotate can tell.</summary>
public interface IAnnotationHub
{
    /// <summary>Says which record of a dataset somebody looks at, and under which name; also the way to come in.</summary>
    Task Look(string datasetId, string name, string? record);
}
