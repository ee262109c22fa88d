using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Data.Cleaning;
using Peft.Core.Data.Import;

namespace Peft.Core.Tests.Data;

public sealed class CleaningTests
{
    [Fact]
    public void DirtySample_EveryPlantedDefectIsFoundAndNoCleanRowIsLost()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Data", "dirty-sample.jsonl");
        var defects = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Data", "dirty-sample.defects.json")))!["defects"]!.AsArray()
            .ToDictionary(defect => (int)defect!["line"]!, defect => (string)defect!["defect"]!);
        var items = new List<CleaningItem>();
        var refused = new Dictionary<int, string>();
        var raw = new Dictionary<int, byte[]>();
        foreach (var item in DatasetImport.Open([new InputFile("dirty-sample.jsonl", file)], new ImportOptions()).Read())
        {
            raw[item.Line] = item.Raw.ToArray();
            if (item.IsRefused)
                refused[item.Line] = item.Notes[0].Message;
            else if (new RecordConverter(DatasetKind.Instruction, []).Convert(item.Record!).Record is { Record: InstructionRecord record } converted)
                items.Add(new CleaningItem(item.Line.ToString(System.Globalization.CultureInfo.InvariantCulture), "train", record.Instruction, record.Input, record.Output, converted.Form?.Candidates ?? RelationForm.CandidatesOf(record.Instruction)));
        }

        var report = Cleaner.Run(items, new CleaningOptions());
        var found = report.Findings.Select(finding => (Line: int.Parse(finding.Id, System.Globalization.CultureInfo.InvariantCulture), finding.Rule)).ToLookup(pair => pair.Line, pair => pair.Rule);
        var wrong = new List<string>();
        foreach (var (line, defect) in defects)
        {
            var rule = defect switch
            {
                "html_tags" => "html", "mojibake" => "encoding_damage", "output_not_supported_by_input" => "unsupported_output", "trailing_spaces" => "surrounding_blanks",
                "over_long" => "too_long", "full_half_width_variant" => "width_variant", _ => defect,
            };
            var ok = defect is "invalid_json" or "empty_output" ? refused.ContainsKey(line) : found[line].Contains(rule) || (defect == "near_duplicate" && found[line].Any(one => one is "width_variant" or "surrounding_blanks"));
            if (!ok)
                wrong.Add($"line {line}: {defect} not found, but {string.Join(", ", found[line])}");
        }

        foreach (var line in Enumerable.Range(1, 190).Where(line => !defects.ContainsKey(line) && (found.Contains(line) || refused.ContainsKey(line))))
            wrong.Add($"line {line} is clean, but {string.Join(", ", found[line])}");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));

        // Every line comes back byte for byte, also those that no reader understands.
        Assert.Equal(File.ReadAllBytes(file), Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(1, 190).Select(line => Encoding.UTF8.GetString(raw[line]))) + "\n"));
    }

    [Theory]
    [InlineData("<p>一</p>二<br/>三&amp;四", "一二\n三&四", 3, 0)]
    [InlineData("a < b & c > d", "a < b & c > d", 4, 4)]
    public void WithoutHtml_TextsMove_PlacesFollow(string text, string expected, int old, int place)
    {
        var change = TextChange.WithoutHtml(text);

        Assert.Equal(expected, change.Text);
        Assert.Equal(place, change.Places[old]);
        Assert.Equal(change.Text.Length, change.Places[text.Length]);
    }

    [Fact]
    public void NearDuplicates_UnrelatedTextsUnderOneTemplate_StayApart()
    {
        var texts = new NearDuplicates(3, 0.8);

        Assert.Null(texts.Add("韩凡荷的大学时光是在吉林师范学院度过的.", 0));
        Assert.Null(texts.Add("邹浩的大学时光是在上海外国语大学度过的.", 0));
        Assert.Equal(0, texts.Add("韩凡荷的大学时光是在吉林师范学院度过的!", 0)?.Index);
        Assert.Null(texts.Add("韩凡荷的大学时光是在吉林师范学院度过的.", 1));
    }

    [Fact]
    public void Run_QuestionInTestAndTrain_TakesTheOneInTrain()
    {
        var report = Cleaner.Run(
            [new("a", "train", "问", "甲是谁？他在哪里？", "乙", null), new("b", "test", "问", "甲是谁？他在哪里？", "乙", null)], new CleaningOptions());

        Assert.Equal(("leaked_test", "b"), (report.Removed["a"].Rule, report.Removed["a"].Other));
        Assert.DoesNotContain("b", report.Removed.Keys);
    }
}
