using Bunit;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Catalogue;
using Workbench.Client.Features.Models;

namespace Workbench.Client.Tests.Models;

public sealed class ModelCardTests : PagesContext
{
    [Fact]
    public void Card_OfAModelUsedWhereItLies_SaysSoAndIsOnlyForgotten()
    {
        Server.Answer($"GET {Routes.Models}/m", Card(ModelPlace.InPlace) with { Notes = ["The files hold no head for SEQ_CLS; a new one starts from random values and is trained with the adapter."] });

        var page = Render<ModelPage>(parameters => parameters.Add(p => p.Id, "m"));

        page.WaitForAssertion(() => Assert.Contains("/home/me/m", page.Markup, StringComparison.Ordinal));
        Assert.Contains("hold no head for SEQ_CLS", page.Find(".wb-alert-info").TextContent, StringComparison.Ordinal);
        Assert.Contains(page.FindAll(".wb-actions button"), button => button.TextContent.Trim() == "Forget" && button.GetAttribute("title")!.Contains("stay where they are", StringComparison.Ordinal));
    }

    [Fact]
    public void Card_OfTheSample_CannotBeRemoved()
    {
        Server.Answer($"GET {Routes.Models}/m", Card(ModelPlace.Sample));

        var page = Render<ModelPage>(parameters => parameters.Add(p => p.Id, "m"));

        page.WaitForAssertion(() => Assert.Contains("/home/me/m", page.Markup, StringComparison.Ordinal));
        Assert.Empty(page.FindAll(".wb-actions button"));
    }

    [Fact]
    public void Card_InChinese_SaysTheNoteInChinese()
    {
        SetCulture("zh-CN");
        Server.Answer($"GET {Routes.Models}/m", Card(ModelPlace.Data) with { Notes = ["The files hold no head for SEQ_CLS; a new one starts from random values and is trained with the adapter."] });

        var page = Render<ModelPage>(parameters => parameters.Add(p => p.Id, "m"));

        page.WaitForAssertion(() => Assert.StartsWith("文件中没有用于 SEQ_CLS 的输出头", page.Find(".wb-alert-info").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Removal_IsHiddenAtOnceAndDoneAfterTheGrace()
    {
        var removals = Services.GetRequiredService<ModelRemovals>();

        var removal = removals.RemoveAsync("m", "m", forgets: false);

        Assert.True(removals.IsHidden("m"));
        Assert.False(removal.IsCompleted);
        Assert.DoesNotContain(Server.Asked, asked => asked.Request.StartsWith("DELETE", StringComparison.Ordinal));
    }

    [Fact]
    public void Catalogue_EntryWithAHubId_LeadsToAddingIt()
    {
        var entry = new CatalogueEntry(
            "q", "Qwen2.5 0.5B", "Qwen", "decoder", "2024-09", "Qwen/Qwen2.5-0.5B", "Apache-2.0", ["zh"], false, 1, false, "qwen2", true, "RoPE", "multi-head", "SwiGLU", "RMSNorm, pre", 1, 1, 1, 1, 1, "https://example.org", null);

        var table = Render<CatalogueTable>(parameters => parameters
            .Add(t => t.Entries, [entry, entry with { Id = "g", Name = "GPT-3", Hub = null }]).Add(t => t.MachineBytes, 1).Add(t => t.View, new CatalogueView()));

        var link = Assert.Single(table.FindAll(".wb-add-link"));
        Assert.Equal("models/add?way=hub&id=Qwen%2FQwen2.5-0.5B", link.GetAttribute("href"));
        Assert.Equal("Add Qwen2.5 0.5B to the workbench", link.GetAttribute("aria-label"));
    }

    private static ModelCard Card(ModelPlace place) => new(
        new ModelSummary("m", "m", "llama", 10, "float32", 10, place == ModelPlace.Sample, "", []) { Place = place }, new Dictionary<string, string>(), "", "", 10, 10, null) { Path = "/home/me/m" };
}
