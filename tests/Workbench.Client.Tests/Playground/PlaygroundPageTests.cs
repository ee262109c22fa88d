using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Playground;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Playground;

/// <summary>Choosing which adapter answers.</summary>
public sealed class PlaygroundPageTests : RunPagesContext
{
    [Fact]
    public void Page_ListsAdaptersOfRunsAndImports_AndKeepsTheQuestionWhenItSwitches()
    {
        Answer("GET /api/models", new[] { new ModelSummary("mini", "mini", "LlamaForCausalLM", 2000, "float32", 8000, true, "", []) });
        Answer("GET /api/runs", new[] { Samples.Run("r1", name: "trained", model: "mini") });
        Answer("GET /api/adapters", new[]
        {
            new AdapterSummary("a1", "imported", AdapterSource.Imported, "LORA", "LoRA", MethodFamily.Reparameterization, "CAUSAL_LM", "mini", "mini", 8, 1, 1, DateTimeOffset.UnixEpoch),
            new AdapterSummary("a2", "without a base", AdapterSource.Imported, "LORA", "LoRA", MethodFamily.Reparameterization, "CAUSAL_LM", null, "x", 8, 1, 1, DateTimeOffset.UnixEpoch),
        });
        var page = Render<PlaygroundPage>();
        page.WaitForAssertion(() => Assert.Equal(3, page.Find("select").Children.Length));
        page.Find("textarea").Input("my own sentence");

        page.Find("select").Change("a1");

        Assert.EndsWith("adapter=a1", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal);
        Assert.Contains("my own sentence", page.Markup, StringComparison.Ordinal);
    }
}
