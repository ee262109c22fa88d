using System.Text;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

public sealed class CleaningTests(SeededServer server) : IClassFixture<SeededServer>
{
    private const string Rows = """
        {"instruction":"抽取","input":"甲生于乙城，在丙地读书。","output":"无"}
        {"instruction":"抽取","input":"甲生于乙城，在丙地读书。","output":"无"}
        {"instruction":"抽取","input":"<b>丁</b>去了戊国的首都。 ","output":"无"}
        {"instruction":"抽取" oops
        """;

    [Fact]
    public async Task Clean_DuplicateAndMarkup_GoAsideAreCorrectedAndComeBackByteForByte()
    {
        var id = await NewAsync(Rows);
        var before = await server.Http.GetStringAsync(new Uri($"{Of(id)}/export", UriKind.Relative));

        var preview = await server.Http.SendAsync<CleaningPreview>(HttpMethod.Post, $"{Of(id)}/cleaning/preview", new CleaningOrder());
        Assert.Equal((3, 1, 1), (preview.Before, preview.Removed, preview.Corrected));
        Assert.Equal(before, await server.Http.GetStringAsync(new Uri($"{Of(id)}/export", UriKind.Relative)));
        await server.Http.SendAsync<CleaningPreview>(HttpMethod.Post, $"{Of(id)}/cleaning", new CleaningOrder());

        var records = (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Records;
        Assert.Equal(["甲生于乙城，在丙地读书。", "丁去了戊国的首都。"], records.Select(record => record.Input));
        var aside = await server.Http.AskAsync<QuarantinePage>($"{Of(id)}/quarantine");
        Assert.Equal(["exact_duplicate", "refused"], aside.Reasons.Select(reason => reason.Reason).Order());
        Assert.Contains("oops", aside.Items.Single(item => item.Reason == "refused").Raw, StringComparison.Ordinal);

        await server.Http.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/quarantine/restore", new RestoreOrder(null, "exact_duplicate"));
        Assert.Equal(3, (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Total);
        await server.Http.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/undo");
        await server.Http.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/undo");
        Assert.Equal(before, await server.Http.GetStringAsync(new Uri($"{Of(id)}/export", UriKind.Relative)));
    }

    [Fact]
    public async Task Upload_InPieces_IsLookedAtAndImportedInTheBackground()
    {
        var id = await NewAsync(null);
        var upload = await server.Http.SendAsync<ImportUpload>(HttpMethod.Post, $"{Routes.Datasets}/uploads");
        var bytes = Encoding.GetEncoding("gb18030").GetBytes("问题,回答\n首都是哪里？,北京\n“一加一”,二\n");
        foreach (var (from, to) in new[] { (0, 10), (10, bytes.Length) })
        {
            using var piece = new ByteArrayContent(bytes[from..to]);
            var answer = await server.Http.PutAsync(new Uri($"{Routes.Datasets}/uploads/{upload.Id}/files?path=a%2F..%2Fb.csv&offset={from}", UriKind.Relative), piece);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        var order = new ImportText("", "", null, upload.Id);
        var look = await server.Http.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(id)}/import?commit=false", order);
        Assert.Equal(("gb18030", false, 2), (look.Files[0].Encoding, look.Committed, look.Accepted));
        var job = await server.Http.SendAsync<ImportJob>(HttpMethod.Post, $"{Of(id)}/imports", order);
        while (!job.IsEnded)
            job = await server.Http.AskAsync<ImportJob>($"{Of(id)}/imports/{job.Id}");

        Assert.True(job.Report?.Committed, job.Error);
        Assert.Equal(["北京", "二"], (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Records.Select(record => record.Output));
    }

    [Fact]
    public async Task Import_UnknownColumns_AsksAndTakesTheMapping()
    {
        const string Table = "q\ta\n首都？\t北京\n";
        var id = await NewAsync(null);

        var asks = await server.Http.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(id)}/import?commit=false", new ImportText("pasted.tsv", Table, null));
        Assert.True(asks.Files[0].AsksForMapping);
        Assert.Equal(["首都？", "北京"], asks.Files[0].Sample[0]);
        var done = await server.Http.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(id)}/import", new ImportText("pasted.tsv", Table, null,
            Choices: new ImportChoices(Mapping: new Dictionary<string, string> { ["instruction"] = "=回答", ["input"] = "q", ["output"] = "a" })));

        Assert.Equal((1, true), (done.Accepted, done.Committed));
        Assert.Equal(("回答", "首都？", "北京"), (done.Preview[0].Instruction, done.Preview[0].Input, done.Preview[0].Output));
    }

    private async Task<string> NewAsync(string? rows)
    {
        var made = await server.Http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("clean", ""));
        if (rows is not null)
            await server.Http.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(made.Id)}/import", new ImportText("data.jsonl", rows, null));
        return made.Id;
    }

    private static string Of(string id) => $"{Routes.Datasets}/{id}";
}
