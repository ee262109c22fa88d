using System.Net;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Models;

namespace Workbench.Client.Tests.Models;

public sealed class AddModelTests : PagesContext
{
    private const string Hub = "https://huggingface.co";

    public AddModelTests() => Server.Answer($"GET {Routes.Hub}", new HubSettings(Hub, [new("Hugging Face", Hub), new("ModelScope", "https://www.modelscope.cn")], []));

    [Fact]
    public void Page_OpenedFromTheCatalogue_ShowsThePlanAtOnce()
    {
        Server.Answer($"POST {Routes.ModelPlans}/hub", Plan());
        Services.GetRequiredService<NavigationManager>().NavigateTo("models/add?way=hub&id=Qwen%2FQwen2.5-0.5B");

        var page = Render<AddModelPage>();

        page.WaitForElement(".wb-plan");
        Assert.Equal("Qwen/Qwen2.5-0.5B", page.Find("#hub-id").GetAttribute("value"));
        Assert.Contains("\"id\":\"Qwen/Qwen2.5-0.5B\"", Body("/plan/hub"), StringComparison.Ordinal);
        Assert.Contains("it can be trained with QLoRA, LoRA", page.Find(".wb-plan p").TextContent, StringComparison.Ordinal);
        Assert.Contains("does not apply with its defaults: no bias", page.Find(".wb-needs-table").TextContent, StringComparison.Ordinal);
        Assert.Equal("Qwen2.5-0.5B", page.Find("#model-name").GetAttribute("value"));
    }

    [Fact]
    public void Download_UnderAnotherName_IsOrderedAndLeadsToTheList()
    {
        Server.Answer($"POST {Routes.ModelPlans}/hub", Plan());
        Server.Answer($"POST {Routes.ModelJobs}/hub", Job(ModelJobState.Waiting));
        var panel = Render<HubPanel>(parameters => parameters.Add(p => p.Id, "Qwen/Qwen2.5-0.5B"));
        panel.WaitForElement("#model-name").Input("mine");

        panel.Find(".wb-plan-act").Submit();

        panel.WaitForAssertion(() => Assert.EndsWith("/models", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal));
        Assert.Contains("\"name\":\"mine\"", Body("/jobs/hub"), StringComparison.Ordinal);
        Assert.Contains("\"revision\":\"abc\"", Body("/jobs/hub"), StringComparison.Ordinal);
        Assert.Single(Services.GetRequiredService<ModelJobs>().Active);
    }

    [Fact]
    public void Plan_Refused_SaysWhyAndOpensTheTokenField()
    {
        Server.Refuse($"POST {Routes.ModelPlans}/hub", HttpStatusCode.UnprocessableEntity, """{"detail":"a/b is gated: accept the model's terms on its page at huggingface.co and give an access token."}""");

        var panel = Render<HubPanel>(parameters => parameters.Add(p => p.Id, "a/b"));

        panel.WaitForAssertion(() => Assert.Contains("is gated", panel.Find("[role=alert]").TextContent, StringComparison.Ordinal));
        Assert.True(panel.Find("details").HasAttribute("open"));
    }

    [Fact]
    public void Plan_OfAnUnknownArchitecture_SaysSoAndDoesNotUrge()
    {
        var view = Render<PlanView>(parameters => parameters
            .Add(p => p.Plan, Plan() with { Needs = null, ModelType = "mamba", Problem = "architecture 'mamba' is not supported. Supported: llama." })
            .Add(p => p.Action, "Download 1 GB").Add(p => p.Moves, true));

        Assert.Contains("mamba", view.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.Contains("Download 1 GB anyway", view.Find("form button").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("mud-button-filled", view.Find("form button").ClassName, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_LargerThanTheDisk_CannotBeStarted()
    {
        var view = Render<PlanView>(parameters => parameters.Add(p => p.Plan, Plan() with { FreeBytes = 10 }).Add(p => p.Action, "Download").Add(p => p.Moves, true));

        Assert.Contains("only 10 B are free", view.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.True(view.Find("form button").HasAttribute("disabled"));
    }

    [Fact]
    public void Token_IsSentOnceAndLeavesTheField()
    {
        Server.Answer($"POST {Routes.ModelPlans}/hub", Plan());
        Server.Answer($"PUT {Routes.Hub}/token", new object());
        var panel = Render<HubPanel>();
        panel.WaitForElement("#hub-source option[value='https://huggingface.co']");
        panel.Find("#hub-id").Input("a/b");
        panel.Find("#hub-token").Input("hf_x");

        panel.Find("form").Submit();

        panel.WaitForAssertion(() => Assert.Equal("", panel.Find("#hub-token").GetAttribute("value") ?? ""));
        Assert.Contains("\"token\":\"hf_x\"", Body("/hub/token"), StringComparison.Ordinal);
        Assert.DoesNotContain("hf_x", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en", "downloading", "1.0 KB of 4.0 KB")]
    [InlineData("zh-CN", "下载中", "1.0 KB / 4.0 KB")]
    public void Job_Running_SaysHowFarItIs(string language, string state, string progress)
    {
        SetCulture(language);

        var tile = Render<JobTile>(parameters => parameters.Add(p => p.Job, Job(ModelJobState.Running)));

        Assert.Equal(state, tile.Find(".wb-tag").TextContent);
        Assert.Contains(progress, tile.Markup, StringComparison.Ordinal);
        Assert.Contains(tile.FindAll("button"), button => button.GetAttribute("aria-label")?.Contains("Base-1", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void Job_FailedForWantOfAToken_TakesOneAndGoesOn()
    {
        Server.Answer($"PUT {Routes.Hub}/token", new object());
        Server.Answer($"POST {Routes.ModelJobs}/j1/resume", Job(ModelJobState.Waiting));
        var tile = Render<JobTile>(parameters => parameters.Add(p => p.Job, Job(ModelJobState.Failed) with { NeedsToken = true, Message = "denied" }));

        tile.Find("#token-j1").Input("hf_x");
        tile.Find("form").Submit();

        tile.WaitForAssertion(() => Assert.Contains(Server.Asked, asked => asked.Request == $"POST {Routes.ModelJobs}/j1/resume"));
    }

    [Fact]
    public void Models_WithNone_TeachesAndLeadsToAdding()
    {
        Server.Answer($"GET {Routes.Models}", Array.Empty<ModelSummary>());
        Server.Answer($"GET {Routes.ModelJobs}", Array.Empty<ModelJob>());

        var page = Render<ModelsPage>();

        page.WaitForElement(".wb-empty");
        Assert.Equal("models/add", page.Find(".wb-empty a").GetAttribute("href"));
    }

    [Fact]
    public void Models_WithAJob_ShowsItAboveTheList()
    {
        Server.Answer($"GET {Routes.Models}", new[] { new ModelSummary("m", "m", "llama", 10, "float32", 10, false, "", []) { Place = ModelPlace.InPlace, Problem = "tensor 'x' is missing" } });
        Server.Answer($"GET {Routes.ModelJobs}", new[] { Job(ModelJobState.Running) });

        var page = Render<ModelsPage>();

        page.WaitForAssertion(() => Assert.Contains("Base-1", page.Find("section[aria-labelledby=coming]").TextContent, StringComparison.Ordinal));
        Assert.Contains("tensor 'x' is missing", page.Markup, StringComparison.Ordinal);
        Assert.Contains("1 on the way", page.Find(".wb-lead").TextContent, StringComparison.Ordinal);
    }

    private static ModelPlan Plan() => new()
    {
        Source = "Qwen/Qwen2.5-0.5B", Name = "Qwen2.5-0.5B", Endpoint = Hub, Revision = "abc", Bytes = 1 << 30, FreeBytes = 1L << 40, ModelType = "qwen2",
        Files = [new("config.json", 600), new("model.safetensors", 1 << 30)], Weights = "safetensors", Choices = [new("safetensors", 1 << 30)],
        Needs = new ModelNeeds(494_032_768, "bfloat16", 24, 896, 151_936, 32_768, 8L << 30, new CatalogueMemory(9L << 30, 3L << 30, 1L << 30),
        [
            new("LORA", "LoRA", MethodFamily.Reparameterization, 4_000_000, 3L << 30, null), new("BITFIT", "BitFit", MethodFamily.Specification, 0, 0, "no bias"),
        ]),
    };

    private static ModelJob Job(ModelJobState state) => new()
    {
        Id = "j1", Kind = ModelJobKind.Download, State = state, Name = "Base-1", Source = "tiny/Base-1", Endpoint = Hub, TotalBytes = 4096, DoneBytes = 1024,
    };

    private string Body(string ending) => Server.Asked.Last(asked => asked.Request.EndsWith(ending, StringComparison.Ordinal)).Body;
}
