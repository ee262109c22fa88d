using Peft.Core.Data;
using Peft.Core.Data.Annotation;
using Workbench.Client.Contracts;

namespace Workbench.Server.Annotation;

/// <summary>What the annotation page needs once: the schema and what can be taken back.</summary>
/// <param name="SchemaVersion">0 when nobody has saved one.</param>
/// <param name="Schema">Types, each with its key.</param>
/// <param name="Progress">How far the dataset is.</param>
/// <param name="First">Where to begin: the first record that is not done; null in an empty dataset.</param>
/// <param name="History">The newest operations, oldest first: undo and redo walk along them.</param>
internal sealed record AnnotationSetup(int SchemaVersion, AnnotationSchema Schema, AnnotationProgress Progress, string? First, IReadOnlyList<AnnotationStep> History);

/// <summary>An operation and where it happened.</summary>
internal sealed record AnnotationStep(string Record, AnnotationOperation Operation);

/// <summary>A record on the annotation page.</summary>
/// <param name="Record">Its id.</param>
/// <param name="Number">Its number among all, from 1.</param>
/// <param name="Total">How many there are.</param>
/// <param name="Split">Its split.</param>
/// <param name="Text">The text that is annotated.</param>
/// <param name="LongClusters">Characters of more than one UTF-16 unit, as pairs of place and length.</param>
/// <param name="Spans">Entities.</param>
/// <param name="Relations">Relations.</param>
/// <param name="State">How far it is.</param>
/// <param name="Texts">The record's own texts beside the graph.</param>
/// <param name="Previous">The record before; null for the first.</param>
/// <param name="Next">The record behind; null for the last.</param>
/// <param name="NextOpen">The next one that is not done, from the beginning again behind the last; null when all others are.</param>
internal sealed record AnnotationView(
    string Record, int Number, int Total, DatasetSplit Split, string Text, IReadOnlyList<int> LongClusters, IReadOnlyList<AnnotatedSpan> Spans,
    IReadOnlyList<AnnotatedRelation> Relations, AnnotationState State, AnnotatedTexts Texts, string? Previous, string? Next, string? NextOpen);

/// <summary>The record's texts and what is doubtful.</summary>
/// <param name="Instruction">Instruction.</param>
/// <param name="Input">Input.</param>
/// <param name="Output">Output.</param>
/// <param name="Editable">True when the record is instruction, input and output.</param>
/// <param name="Follows">True when the output says the triples of the graph.</param>
/// <param name="Problems">What should be looked at, for people.</param>
/// <param name="Flags">Spans and relations that the schema does not allow.</param>
internal sealed record AnnotatedTexts(
    string Instruction, string Input, string Output, bool Editable, bool Follows, IReadOnlyList<string> Problems, IReadOnlyList<AnnotationFlag> Flags);

/// <summary>What became of an operation.</summary>
/// <param name="Revision">Its number.</param>
/// <param name="Texts">The record's texts now.</param>
/// <param name="Progress">How far the dataset is, where the operation changed that.</param>
internal sealed record AnnotationAnswer(long Revision, AnnotatedTexts Texts, AnnotationProgress? Progress);

/// <summary>Typed texts, read: the operation that brings them in, or what is wrong with them.</summary>
/// <param name="Operation">Null where nothing changes or something is wrong.</param>
/// <param name="Problems">In place: field, column where known, message.</param>
/// <param name="LongClusters">Of the new text.</param>
internal sealed record AnnotationReading(AnnotationOperation? Operation, IReadOnlyList<TextProblem> Problems, IReadOnlyList<int> LongClusters);

/// <summary>A problem in one of the three texts.</summary>
internal sealed record TextProblem(string Field, int? Column, string Message);

/// <summary>What a machine suggests for a record; relations name spans that are there or suggested.</summary>
/// <param name="Spans">Entities.</param>
/// <param name="Relations">Relations.</param>
internal sealed record AnnotationSuggestions(IReadOnlyList<SuggestedSpan> Spans, IReadOnlyList<SuggestedRelation> Relations);

/// <summary>A suggested entity. Its type is empty where the model did not say one; its score is null where there is none.</summary>
internal sealed record SuggestedSpan(string Id, int Start, int End, string Type, double? Score);

/// <summary>A suggested relation.</summary>
internal sealed record SuggestedRelation(string Id, string Head, string Tail, string Type, double? Score);
