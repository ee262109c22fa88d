using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data.Import;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Tests.Goldens;

/// <summary>Files of other programs: what a correct import finds in them, and what it must tell. It may tell more, never less.</summary>
[Trait("Category", "Goldens")]
public sealed class ImportGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("import");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Import_RecordedFiles_GivesTheRecordsAndTellsWhatItMust(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new GoldenReport();
        var files = golden.Json["input"]!.AsArray().Select(name => new InputFile(name!.GetValue<string>(), Path.Combine(golden.Folder, name.GetValue<string>()))).ToList();
        var expected = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, golden.Text("expected"))))!.AsObject();

        var detected = Assert.Single(DatasetImport.Open(files, new ImportOptions()).Files);
        report.Check(detected.Format == golden.Text("format"), $"format: {detected.Format} instead of {golden.Text("format")}");
        var import = DatasetImport.Open(files, Options(golden.Json["options"]!.AsObject()));
        var plan = Assert.Single(import.Files);
        CheckPlan(plan, expected, report);
        var items = import.Read().ToList();
        CheckReport(plan, items, expected["report"]!, report);
        CheckRecords(plan, [.. items.Select(item => item.Record).OfType<ImportedRecord>()], expected["records"]!.AsArray(), report);
        report.Throw();
    }

    private static ImportOptions Options(JsonObject options) => new()
    {
        OffsetUnit = (string?)options["offset_unit"] is { } unit ? unit == "utf16" ? OffsetUnit.Utf16 : OffsetUnit.CodePoint : null,
        TokenColumns = (string?)options["columns"],
        TokenSeparator = (string?)options["separator"],
        TokenJoin = (string?)options["join"],
        Encoding = (string?)options["encoding"],
        Delimiter = (string?)options["delimiter"],
    };

    private static void CheckPlan(ImportFilePlan plan, JsonObject expected, GoldenReport report)
    {
        if ((string?)expected["offset_unit"] is { } unit && plan.OffsetUnit is not null)
            report.Check((plan.OffsetUnit == OffsetUnit.Utf16 ? "utf16" : "codepoint") == unit, $"offset unit {plan.OffsetUnit} instead of {unit}");
        if ((string?)expected["encoding"] is { } encoding)
        {
            var accepted = expected["encoding_accept"]?.AsArray().Select(name => name!.GetValue<string>()).ToList() ?? [encoding];
            report.Check(accepted.Contains(plan.Encoding!.Name), $"encoding {plan.Encoding.Name} instead of {encoding}");
            report.Check(plan.Encoding.HasMark == expected["bom"]!.GetValue<bool>(), $"byte order mark: {plan.Encoding.HasMark}");
            report.Check(plan.Delimiter == (string?)expected["delimiter"], $"delimiter '{plan.Delimiter}'");
        }
    }

    private static void CheckReport(ImportFilePlan plan, List<ImportItem> items, JsonNode expected, GoldenReport report)
    {
        report.Check(items.Count(item => item.BeginsRow) == (int)expected["rows_in"]!, $"rows_in {items.Count(item => item.BeginsRow)} instead of {expected["rows_in"]}");
        report.Check(items.Count(item => item.Record is not null) == (int)expected["records_out"]!, $"records_out {items.Count(item => item.Record is not null)} instead of {expected["records_out"]}");
        report.Check(items.Count(item => item.IsRefused) == (int)expected["refused"]!, $"refused {items.Count(item => item.IsRefused)} instead of {expected["refused"]}");
        var told = items.SelectMany(item => item.Notes.Select(note => ((int?)item.Row, note.Code))).Concat(plan.Notes.Select(note => ((int?)null, note.Code))).ToList();
        foreach (var warning in expected["warnings"]!.AsArray())
        {
            // Each must be told as often as it is recorded.
            var wanted = ((int?)warning!["row"], (string)warning["code"]!);
            report.Check(told.Remove(wanted), $"not told: row {wanted.Item1}, {wanted.Item2}");
        }
    }

    private static void CheckRecords(ImportFilePlan plan, List<ImportedRecord> records, JsonArray expected, GoldenReport report)
    {
        if (expected.Count == 1 && expected[0]!["columns"] is JsonArray columns)
        {
            report.Check(plan.Columns.SequenceEqual(columns.Select(name => name!.GetValue<string>())), "columns " + string.Join(", ", plan.Columns));
            var rows = expected[0]!["rows"]!.AsArray();
            report.Check(records.Count == rows.Count, $"{records.Count} rows instead of {rows.Count}");
            for (var i = 0; i < Math.Min(records.Count, rows.Count); i++)
            {
                var one = Assert.IsType<ImportedInstruction>(records[i]);
                report.Check(new[] { one.Instruction, one.Input, one.Output }.SequenceEqual(rows[i]!.AsArray().Select(cell => cell!.GetValue<string>())), $"row {i}: {one}");
            }

            return;
        }

        report.Check(records.Count == expected.Count, $"{records.Count} records instead of {expected.Count}");
        for (var i = 0; i < Math.Min(records.Count, expected.Count); i++)
            Compare(expected[i]!, Rendered(records[i]), $"record {i}", report);
    }

    /// <summary>Everything that was recorded must be there and equal; more may be there.</summary>
    private static void Compare(JsonNode? expected, JsonNode? found, string where, GoldenReport report)
    {
        switch (expected)
        {
            case JsonObject fields:
                foreach (var (name, value) in fields)
                    Compare(value, (found as JsonObject)?[name], $"{where}.{name}", report);
                break;
            case JsonArray list:
                var other = found as JsonArray;
                report.Check(other?.Count == list.Count, $"{where}: {other?.Count} items instead of {list.Count}: {found?.ToJsonString()}");
                for (var i = 0; i < Math.Min(list.Count, other?.Count ?? 0); i++)
                    Compare(list[i], other![i], $"{where}[{i}]", report);
                break;
            default:
                var equal = JsonNode.DeepEquals(expected, found) || (where.EndsWith(".output", StringComparison.Ordinal) && SameJson((string?)expected, (string?)found));
                report.Check(equal, $"{where}: {found?.ToJsonString() ?? "nothing"} instead of {expected?.ToJsonString()}");
                break;
        }
    }

    private static bool SameJson(string? expected, string? found)
    {
        try
        {
            return JsonNode.DeepEquals(JsonNode.Parse(expected ?? ""), JsonNode.Parse(found ?? ""));
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static JsonObject Rendered(ImportedRecord record) => record switch
    {
        ImportedInstruction one => new JsonObject
        {
            ["instruction"] = one.Instruction, ["input"] = one.Input, ["output"] = one.Output, ["system"] = one.System,
            ["history"] = new JsonArray([.. one.History.Select(turn => (JsonNode)new JsonArray(turn.User, turn.Assistant))]),
        },
        ImportedChat chat => new JsonObject { ["messages"] = new JsonArray([.. chat.Messages.Select(message => message.DeepClone())]), ["tools"] = chat.Tools?.DeepClone() },
        ImportedTask { Record: QuestionRecord question } => Question(question, record),
        ImportedTokens tokens => new JsonObject { ["tokens"] = Texts(tokens.Tokens), ["tags"] = Texts(tokens.Tags) },
        ImportedAnnotation one => Annotation(one),
        _ => new JsonObject(),
    };

    private static JsonObject Question(QuestionRecord question, ImportedRecord record) => new()
    {
        ["id"] = question.Id, ["context"] = question.Context, ["question"] = question.Question,
        ["answers"] = new JsonArray([.. question.Answers.Select(answer => (JsonNode)new JsonObject
        {
            ["text"] = answer.Text, ["start_u16"] = answer.AnswerStart, ["start_cp"] = question.Context[..answer.AnswerStart].EnumerateRunes().Count(),
        })]),
        ["is_impossible"] = record.Fields?["is_impossible"]?.DeepClone() ?? JsonValue.Create(question.Answers.Count == 0),
    };

    private static JsonObject Annotation(ImportedAnnotation one) => new()
    {
        ["doc"] = one.Document, ["text"] = one.Text,
        ["entities"] = new JsonArray([.. one.Entities.Select(entity => (JsonNode)Entity(entity))]),
        ["relations"] = new JsonArray([.. one.Relations.Select(relation => (JsonNode)new JsonObject
        {
            ["head"] = relation.Head, ["tail"] = relation.Tail, ["type"] = relation.Type, ["symmetric"] = relation.Symmetric,
        })]),
        ["choices"] = Texts(one.Choices), ["notes"] = Texts(one.Notes), ["comments"] = Texts(one.Comments),
        ["meta"] = new JsonObject(one.Meta.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
        ["status"] = one.Status, ["source_id"] = one.Id, ["annotation_id"] = one.AnnotationId, ["model_version"] = one.ModelVersion, ["score"] = one.Score,
        ["equivalences"] = new JsonArray([.. one.Equivalences.Select(group => (JsonNode)new JsonArray([.. group.Select(i => (JsonNode)i)]))]),
    };

    private static JsonObject Entity(ImportedEntity entity) => new()
    {
        ["text"] = entity.Text, ["type"] = entity.Type, ["start_u16"] = entity.Start, ["end_u16"] = entity.End, ["start_cp"] = entity.StartCodePoint, ["end_cp"] = entity.EndCodePoint,
        ["fragments_cp"] = new JsonArray([.. entity.Fragments.Select(piece => (JsonNode)new JsonArray(piece.Start, piece.End))]),
        ["notes"] = Texts(entity.Notes),
        ["attributes"] = new JsonObject(entity.Attributes.Select(pair => KeyValuePair.Create(pair.Key, pair.Value is null ? JsonValue.Create(true) : (JsonNode?)pair.Value))),
    };

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)text)]);
}
