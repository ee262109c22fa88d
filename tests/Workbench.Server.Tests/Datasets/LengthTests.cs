using System.Text.Json;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

public sealed class LengthTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Lengths_CountEveryTrainingRecordAndWhatALimitCuts()
    {
        var id = await DatasetAsync(("a", "b", "无"), ("a", new string('长', 40), "无"), ("a", "b", "无"));
        var counts = await _http.AskAsync<LengthCounts>($"{Routes.Datasets}/{id}/lengths?model=mini-llama-zh");

        Assert.Equal((3, 3), (counts.Records, counts.Measured));
        Assert.Equal([2, 1], counts.Counts);
        Assert.Equal(counts.Lengths.Order(), counts.Lengths);
        Assert.Equal((3, 1, 0), (counts.Cut(counts.Lengths[0] - 1), counts.Cut(counts.Lengths[0]), counts.Cut(counts.Lengths[1])));
    }

    [Fact]
    public async Task Lengths_OfAnUnknownModel_Is404()
    {
        var id = await DatasetAsync(("a", "b", "无"));
        Assert.Contains("'nobody'", await _http.RefusalAsync(HttpMethod.Get, $"{Routes.Datasets}/{id}/lengths?model=nobody", null, 404), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_AnswersWithTokensThatTheBaseNeverLearnt_NamesThemWithACure()
    {
        var id = await DatasetAsync(("抽取", "刘德华与朱丽倩结婚。", "(刘德华,配偶,朱丽倩)"));
        var draft = new RunDraft { DatasetId = id, ModelId = "mini-llama-zh", PeftType = "LORA" };
        var problem = Assert.Single((await PreviewAsync(draft)).Problems, one => one.Code == "untrained_tokens");

        Assert.Contains("'('", problem.Message, StringComparison.Ordinal);
        var fix = Assert.Single(problem.Fixes);
        Assert.Equal(("trainable_token_indices", "train_tokens"), (fix.Field, fix.Code));
        var cured = draft with { Peft = new Dictionary<string, JsonElement> { [fix.Field] = JsonSerializer.SerializeToElement(fix.Value) } };
        Assert.DoesNotContain((await PreviewAsync(cured)).Problems, one => one.Code == "untrained_tokens" || one.Severity == "error");
    }

    private async Task<RunPreview> PreviewAsync(RunDraft draft) => await _http.SendAsync<RunPreview>(HttpMethod.Post, Routes.Runs + "/preview", draft);

    private async Task<string> DatasetAsync(params (string Instruction, string Input, string Output)[] records)
    {
        var dataset = await _http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("lengths", ""));
        foreach (var (instruction, input, output) in records)
            await _http.SendAsync<RecordDto>(HttpMethod.Post, $"{Routes.Datasets}/{dataset.Id}/records", new SaveRecord(DatasetSplit.Train, instruction, input, output, null));
        return dataset.Id;
    }
}
