using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

public sealed class TokenTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Tokens_OfARecord_ShowPromptAsContextAndAnswerAsLoss()
    {
        var view = await ViewAsync("抽取关系", "刘德华", "无", "");

        Assert.Equal("<|bos|><|user|>抽取关系\n刘德华<|assistant|>", string.Concat(view.Tokens.Where(token => token.Role == TokenRole.Context).Select(token => token.Text)));
        Assert.Equal("无<|eos|>", string.Concat(view.Tokens.Where(token => token.Role == TokenRole.Loss).Select(token => token.Text)));
        Assert.Equal((view.Tokens.Count, 0, "mini-llama-zh"), (view.PromptTokens + view.OutputTokens, view.CutTokens, view.ModelId));
        Assert.Equal(["<|bos|>", "<|user|>", "<|assistant|>", "<|eos|>"], view.Tokens.Where(token => token.Special).Select(token => token.Text));
    }

    [Fact]
    public async Task Tokens_OfACharacterInParts_ShowTheCharacterAndThePart()
    {
        var view = await ViewAsync("问", "好😊", "无", "");

        var parts = view.Tokens.Where(token => token.Text.StartsWith("😊", StringComparison.Ordinal)).Select(token => token.Text).ToArray();
        Assert.NotEmpty(parts);
        Assert.Equal(parts.Length == 1 ? ["😊"] : Enumerable.Range(1, parts.Length).Select(i => $"😊 {i}/{parts.Length}"), parts);
        Assert.DoesNotContain(view.Tokens, token => token.Text.Contains('\uFFFD', StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tokens_BeyondTheLimit_AreCutFromThePromptButNeverTheTagOrTheAnswer()
    {
        var view = await ViewAsync("抽取", new string('长', 100), "无", "?model=mini-llama-zh&maxLength=20");

        Assert.Equal((20, view.PromptTokens + view.OutputTokens - 20), (view.MaxLength, view.CutTokens));
        Assert.Equal(view.CutTokens, view.Tokens.Count(token => token.Role == TokenRole.Cut));
        Assert.Equal(20, view.Tokens.Count(token => token.Role != TokenRole.Cut));
        Assert.Equal(["<|assistant|>", "无", "<|eos|>"], view.Tokens.TakeLast(3).Select(token => token.Text));
        Assert.DoesNotContain(view.Tokens.TakeLast(3), token => token.Role == TokenRole.Cut);
    }

    [Fact]
    public async Task Tokens_OfAnUnknownModel_Is404()
    {
        var address = await RecordAsync("a", "b", "c");

        Assert.Contains("'nobody'", await _http.RefusalAsync(HttpMethod.Get, address + "/tokens?model=nobody", null, 404), StringComparison.Ordinal);
        Assert.Contains("maxLength", await _http.RefusalAsync(HttpMethod.Get, address + "/tokens?maxLength=0", null, 400), StringComparison.Ordinal);
    }

    private async Task<TokenView> ViewAsync(string instruction, string input, string output, string query) =>
        await _http.AskAsync<TokenView>($"{await RecordAsync(instruction, input, output)}/tokens{query}");

    private async Task<string> RecordAsync(string instruction, string input, string output)
    {
        var dataset = await _http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("tokens", ""));
        var records = $"{Routes.Datasets}/{dataset.Id}/records";
        var record = await _http.SendAsync<RecordDto>(HttpMethod.Post, records, new SaveRecord(DatasetSplit.Train, instruction, input, output, null));
        return $"{records}/{record.Id}";
    }
}
