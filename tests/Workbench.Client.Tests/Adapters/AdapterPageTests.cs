using System.Net;
using System.Text.Json;
using AngleSharp.Dom;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Adapters;

namespace Workbench.Client.Tests.Adapters;

/// <summary>The pages about adapters.</summary>
public sealed class AdapterPageTests : PagesContext
{
    [Fact]
    public void List_ChoosingTwo_OpensCompareAndCombine()
    {
        Prepare();
        var page = Render<AdaptersPage>();
        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("tbody tr").Count));
        IElement Combine() => page.FindAll("button").Single(button => button.TextContent.Trim() == "Combine");
        Assert.True(Combine().HasAttribute("disabled"));

        page.FindAll("tbody input")[0].Change(true);
        page.FindAll("tbody input")[1].Change(true);

        page.WaitForAssertion(() =>
            Assert.Equal("adapters/compare?first=1&second=2", page.FindAll(".wb-page-head a").Single(link => link.TextContent.Trim() == "Compare").GetAttribute("href")));
        Combine().Click();
        page.WaitForAssertion(() => Assert.Contains("Weight of first", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void List_BrokenAdapter_SaysWhyAndCannotBeChosen()
    {
        Prepare();
        var page = Render<AdaptersPage>();

        page.WaitForAssertion(() => Assert.Contains("weights are missing", page.Markup, StringComparison.Ordinal));
        Assert.True(page.FindAll("tbody input")[2].HasAttribute("disabled"));
    }

    [Fact]
    public void Combine_SendsWeights_AndRefusesRanksThatDiffer()
    {
        Server.Answer("POST /api/adapters/jobs", Job(AdapterJobState.Waiting));
        var panel = Render<CombinePanel>(parameters => parameters.Add(p => p.Adapters, [Summary("1", "first", 8), Summary("2", "second", 4)]));

        panel.FindAll("input.wb-input")[1].Input("-0.5");
        panel.Find("form").Submit();
        panel.WaitForAssertion(() => Assert.Single(Server.Asked));
        var sent = JsonDocument.Parse(Server.Asked[0].Body).RootElement;
        Assert.Equal([1.0, -0.5], sent.GetProperty("weights").EnumerateArray().Select(value => value.GetDouble()));
        Assert.Equal("svd", sent.GetProperty("combinationType").GetString());

        panel.Find("#combine-kind").Change("linear");
        Assert.Contains("ranks differ", panel.Markup, StringComparison.Ordinal);
        Assert.True(panel.Find("button[type=submit]").HasAttribute("disabled"));
    }

    [Fact]
    public void Combine_AWeightThatIsNoNumber_KeepsTheButtonFromBeingPressed()
    {
        var panel = Render<CombinePanel>(parameters => parameters.Add(p => p.Adapters, [Summary("1", "first", 8), Summary("2", "second", 8)]));
        panel.FindAll("input.wb-input")[0].Input("much");
        Assert.Equal("true", panel.FindAll("input.wb-input")[0].GetAttribute("aria-invalid"));
        Assert.True(panel.Find("button[type=submit]").HasAttribute("disabled"));
    }

    [Fact]
    public void Page_ShowsWhatCanBeDone_AndStartsAMerge()
    {
        Prepare();
        Server.Answer("POST /api/adapters/jobs", Job(AdapterJobState.Waiting));
        var page = Render<AdapterPage>(parameters => parameters.Add(p => p.Id, "1"));

        page.WaitForAssertion(() => Assert.Equal("mini-first", page.Find("#merge-name").GetAttribute("value")));
        page.Find("form").Submit();

        page.WaitForAssertion(() => Assert.Contains("Merge into mini-first", page.Markup, StringComparison.Ordinal));
        Assert.Contains("\"kind\":\"Merge\"", Server.Asked.Last(asked => asked.Request.StartsWith("POST", StringComparison.Ordinal)).Body, StringComparison.Ordinal);
        Assert.Equal("api/adapters/1/files.zip", page.FindAll(".wb-page-head a").Single(link => link.HasAttribute("download")).GetAttribute("href"));
        Assert.Contains("q_proj", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfAnImport_AsksOnceMoreBeforeItDeletes()
    {
        Prepare();
        var page = Render<AdapterPage>(parameters => parameters.Add(p => p.Id, "1"));
        IElement Button(string text) => page.FindAll("button").Single(button => button.TextContent.Trim() == text);
        page.WaitForAssertion(() => Button("Delete"));

        Button("Delete").Click();
        Assert.DoesNotContain(Server.Asked, asked => asked.Request.StartsWith("DELETE", StringComparison.Ordinal));
        Server.Answer("DELETE /api/adapters/1", "");
        Button("Really delete?").Click();

        page.WaitForAssertion(() => Assert.EndsWith("/adapters", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(AdapterJobState.Running, "Cancel")]
    [InlineData(AdapterJobState.Failed, "Dismiss")]
    public void Job_InAnyState_OffersWhatIsPossible(AdapterJobState state, string offered)
    {
        var tile = Render<AdapterJobTile>(parameters => parameters.Add(p => p.Job, Job(state) with { Stage = "merge", Message = state == AdapterJobState.Failed ? "broken" : null }));
        Assert.Contains(tile.FindAll("button"), button => button.TextContent.Trim() == offered);
        Assert.Equal(state == AdapterJobState.Failed, tile.Markup.Contains("broken", StringComparison.Ordinal));
    }

    [Fact]
    public void Job_Done_SaysWhatTheMergeDid_AndLinksToWhatCameOut()
    {
        var done = Job(AdapterJobState.Done) with { ResultId = "mini-first", HasFile = true, Report = new MergeReportDto(0.0001, 12, true) };
        var tile = Render<AdapterJobTile>(parameters => parameters.Add(p => p.Job, done));

        Assert.Equal(["models/mini-first", "api/adapters/jobs/J/file"], tile.FindAll("a").Select(link => link.GetAttribute("href")));
        Assert.Contains("bit for bit", tile.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_ShowsSettingsAndAngles()
    {
        Server.Answer("GET /api/adapters/compare?first=1&second=2", new AdapterComparisonDto(
            Summary("1", "first", 8), Summary("2", "second", 4), true, [new("model.layers.0.q_proj", 1, 2, -0.5), new("model.layers.1.q_proj", 1, null, null)], [new("r", "8", "4")]));
        Services.GetRequiredService<NavigationManager>().NavigateTo("adapters/compare?first=1&second=2");
        var page = Render<CompareAdaptersPage>();

        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("table").Count));
        Assert.Equal("left:25%;width:25%", page.Find(".wb-cosine-less").GetAttribute("style"));
    }

    [Fact]
    public void Compare_Refused_SaysWhy()
    {
        Server.Refuse("GET /api/adapters/compare?first=&second=", HttpStatusCode.NotFound, """{"detail":"There is no adapter ''. It may have been removed."}""");
        var page = Render<CompareAdaptersPage>();
        page.WaitForAssertion(() => Assert.Contains("no adapter", page.Find("[role=alert]").TextContent, StringComparison.Ordinal));
    }

    private void Prepare()
    {
        var adapters = new[] { Summary("1", "first", 8), Summary("2", "second", 8), Summary("3", "third", 8) with { PeftType = "", Problem = "file not found; the adapter's weights are missing." } };
        Server.Answer("GET /api/adapters", adapters);
        Server.Answer("GET /api/models", new[] { new ModelSummary("mini", "mini", "LlamaForCausalLM", 2000, "float32", 8000, true, "", []) });
        Server.Answer("GET /api/adapters/jobs", Array.Empty<AdapterJob>());
        Server.Answer("GET /api/adapters/1", new AdapterDetail(
            adapters[0], "Peft", new Dictionary<string, JsonElement> { ["r"] = JsonSerializer.SerializeToElement(8) }, [new("model.layers.0.self_attn.q_proj.lora_A.weight", [8, 256], "F32", 8192)],
            [new("adapter_config.json", 300)], []) { CanMerge = true, IsLora = true });
    }

    private static AdapterSummary Summary(string id, string name, int rank) =>
        new(id, name, AdapterSource.Imported, "LORA", "LoRA", MethodFamily.Reparameterization, "CAUSAL_LM", "mini", "mini", rank, 4096, 16384, DateTimeOffset.UnixEpoch);

    private static AdapterJob Job(AdapterJobState state) => new() { Id = "J", Kind = AdapterJobKind.Merge, State = state, Name = "mini-first", Adapters = ["first"] };
}
