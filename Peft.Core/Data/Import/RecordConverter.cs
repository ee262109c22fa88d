using System.Text.Json.Nodes;
using Peft.Core.Data.Import.Formats;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Data.Import;

/// <summary>
/// Makes records of a dataset's kind of what files say. What the kind has no place for is kept beside the record, and everything that is
/// not as in the file is told.
/// </summary>
/// <param name="kind">Kind of the dataset.</param>
/// <param name="relationTypes">Relations to ask for where a record does not list them.</param>
public sealed class RecordConverter(DatasetKind kind, IReadOnlyList<string> relationTypes)
{
    /// <summary>The kind that a record is best kept as.</summary>
    public static DatasetKind? KindOf(ImportedRecord record) => record switch
    {
        ImportedInstruction or ImportedChat => DatasetKind.Instruction,
        ImportedAnnotation { Relations.Count: > 0 } or ImportedAnnotation { Triples.Count: > 0 } => DatasetKind.Instruction,
        ImportedAnnotation { Candidates: not null } => DatasetKind.Instruction,
        ImportedAnnotation { Entities.Count: 0, Choices.Count: > 0 } => DatasetKind.Classification,
        ImportedAnnotation or ImportedTokens => DatasetKind.Tagging,
        ImportedTask { Record: ClassificationRecord } => DatasetKind.Classification,
        ImportedTask { Record: TaggingRecord } => DatasetKind.Tagging,
        ImportedTask { Record: QuestionRecord } => DatasetKind.QuestionAnswering,
        ImportedTask { Record: TextRecord } => DatasetKind.Text,
        _ => null,
    };

    /// <summary>The kind that most of the first records of an import are best kept as: relations count before entities; null when there are none.</summary>
    public static DatasetKind? Suggest(DatasetImport import, int sample = 500)
    {
        ArgumentNullException.ThrowIfNull(import);
        var kinds = import.Files.SelectMany(file => file.Read().Take(sample)).Select(item => item.Record is null ? null : KindOf(item.Record)).OfType<DatasetKind>().ToList();
        if (kinds.Count == 0)
            return null;
        var most = kinds.GroupBy(one => one).MaxBy(group => group.Count())!.Key;
        return most == DatasetKind.Tagging && kinds.Contains(DatasetKind.Instruction) ? DatasetKind.Instruction : most;
    }

    /// <summary>Converts a record.</summary>
    /// <returns>The converted record, or null and why there is none.</returns>
    public (ConvertedRecord? Record, ImportNote? Refusal) Convert(ImportedRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        try
        {
            var converted = record switch
            {
                ImportedInstruction one when kind == DatasetKind.Instruction => Instruction(one),
                ImportedChat chat when kind == DatasetKind.Instruction => Chat(chat),
                ImportedAnnotation one => Annotation(one, []),
                ImportedTokens tokens => Tokens(tokens),
                ImportedTask task when KindOf(task) == kind => new ConvertedRecord(kind, task.Record, null, task.Split, Copy(task.Fields), "submitted", []),
                ImportedCells => throw new RowException(null, "Nobody has said what the columns mean yet. Say which column is the instruction, the input and the output (or the text and its label)."),
                _ => throw new RowException(null, $"The row is of kind {KindOf(record)?.Name()}, but the dataset is of kind {kind.Name()}."),
            };
            return (converted, null);
        }
        catch (RowException refused)
        {
            return (null, ImportNote.Refused(refused.Message, refused.Field));
        }
    }

    private static ConvertedRecord Instruction(ImportedInstruction one)
    {
        var notes = new List<ImportNote>();
        var beside = Copy(one.Fields);
        if (one.System.Length > 0)
            (beside ??= [])["system"] = one.System;
        if (one.History.Count > 0)
            (beside ??= [])["history"] = new JsonArray([.. one.History.Select(turn => (JsonNode)new JsonArray(turn.User, turn.Assistant))]);
        if (one.System.Length > 0 || one.History.Count > 0)
            notes.Add(ImportNote.Changed("context-kept-beside", "System prompt and earlier turns are kept beside the record and exported again; training sees instruction, input and output."));
        return Made(new InstructionRecord(one.Instruction, one.Input, one.Output), one.Split, beside, notes);
    }

    private static ConvertedRecord Chat(ImportedChat chat)
    {
        static string Role(JsonObject message) => (string?)message["role"] ?? "";
        static string Content(JsonObject message) => message["content"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        var notes = new List<ImportNote>();
        var answer = chat.Messages.ToList().FindLastIndex(message => Role(message) == "assistant" && Content(message).Length > 0);
        var question = answer < 0 ? -1 : chat.Messages.Take(answer).ToList().FindLastIndex(message => Role(message) == "user");
        if (question < 0)
            throw new RowException("messages", "The conversation has no question that is followed by an answer in words.");
        if (chat.Messages.Count(message => Role(message) is "user" or "assistant") > 2 || chat.Messages.Any(message => Role(message) is not ("user" or "assistant")) || chat.Tools is not null)
            notes.Add(ImportNote.Changed("conversation-last-answer", "The last question and its answer are the record; the whole conversation is kept beside it and exported again."));
        var beside = Copy(chat.Fields) ?? [];
        beside["messages"] = new JsonArray([.. chat.Messages.Select(message => message.DeepClone())]);
        if (chat.Tools is not null)
            beside["tools"] = chat.Tools.DeepClone();
        return Made(new InstructionRecord(Content(chat.Messages[question]), "", Content(chat.Messages[answer])), chat.Split, beside, notes);
    }

    private ConvertedRecord Tokens(ImportedTokens tokens)
    {
        var notes = new List<ImportNote>();
        var join = tokens.Tokens.Any(token => token.Any(c => c >= '\u2E80')) ? "" : " ";
        notes.Add(ImportNote.Changed("tokens-joined", join.Length == 0 ? "The file holds tokens, not the text: they are joined without blanks." : "The file holds tokens, not the text: they are joined by blanks."));
        return Annotation(TokenText.Annotation(tokens.Tokens, tokens.Tags, join, notes), notes);
    }

    private ConvertedRecord Annotation(ImportedAnnotation one, List<ImportNote> notes)
    {
        var beside = AnnotationFields.Beside(one);
        return kind switch
        {
            DatasetKind.Instruction => Relations(one, beside, notes),
            DatasetKind.Tagging => new ConvertedRecord(kind, Tagging(one, notes), null, one.Split, beside, one.Status, notes),
            DatasetKind.Classification when one.Choices.Count > 0 =>
                new ConvertedRecord(kind, new ClassificationRecord(one.Text, one.Choices.Count == 1 ? ClassLabel.Of(one.Choices[0]) : ClassLabel.Of(one.Choices)), null, one.Split, beside, one.Status, notes),
            DatasetKind.Text => new ConvertedRecord(kind, new TextRecord(one.Text), null, one.Split, beside, one.Status, notes),
            _ => throw new RowException(null, $"An annotated text without a chosen label is no record of kind {kind.Name()}."),
        };
    }

    private ConvertedRecord Relations(ImportedAnnotation one, JsonObject? beside, List<ImportNote> notes)
    {
        var triples = one.Triples.ToList();
        foreach (var relation in one.Relations.OrderBy(relation => one.Entities[relation.Head].Start).ThenBy(relation => one.Entities[relation.Tail].Start).ThenBy(relation => relation.Sequence))
        {
            if (relation.Type is { } type)
                triples.Add(new Triple(one.Entities[relation.Head].Text, type, one.Entities[relation.Tail].Text));
            else
                notes.Add(ImportNote.Changed("relation-without-type-left-out", "A relation without type is no triple; it is kept beside the record."));
        }

        var candidates = one.Candidates ?? (relationTypes.Count > 0 ? relationTypes : [.. triples.Select(triple => triple.Relation).Distinct(StringComparer.Ordinal)]);
        var form = new RelationForm(candidates, one.Text, triples);
        return new ConvertedRecord(DatasetKind.Instruction, form.Render(), form, one.Split, beside, one.Status, notes);
    }

    private static TaggingRecord Tagging(ImportedAnnotation one, List<ImportNote> notes)
    {
        var spans = new List<EntitySpan>();
        foreach (var entity in one.Entities)
        {
            if (entity.Type is not { Length: > 0 } type)
                notes.Add(ImportNote.Changed("entity-without-type-left-out", $"'{entity.Text}' has no type; it is kept beside the record."));
            else if (spans.Count > 0 && entity.Start < spans[^1].End)
                notes.Add(ImportNote.Changed("nested-entity-left-out", $"'{entity.Text}' lies inside or across another entity, and a token can carry one label only; it is kept beside the record."));
            else
                spans.Add(new EntitySpan(entity.Start, entity.End, type) { Text = one.Text[entity.Start..entity.End] });
        }

        return new TaggingRecord(one.Text, spans);
    }

    private static ConvertedRecord Made(InstructionRecord record, string? split, JsonObject? beside, List<ImportNote> notes) =>
        new(DatasetKind.Instruction, record, RelationForm.TryReadExact(record), split, beside is { Count: > 0 } ? beside : null, "submitted", notes);

    private static JsonObject? Copy(JsonObject? fields) => (JsonObject?)fields?.DeepClone();
}
