using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Compare;
using Workbench.Client.Features.Playground;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Tests.Runs;

public sealed class ComponentTests : RunPagesContext
{
    [Theory]
    [InlineData("en", RunState.Stopped, "Stopped early")]
    [InlineData("zh-CN", RunState.Stopped, "提前停止")]
    [InlineData("en", RunState.Interrupted, "Interrupted")]
    public void StateChip_State_IsNamedTruthfully(string language, RunState state, string expected)
    {
        SetCulture(language);

        var chip = Render<StateChip>(p => p.Add(c => c.Run, Samples.Run("a", state: state)));

        Assert.Contains(expected, chip.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void StateChip_Queued_ShowsThePlace() =>
        Assert.Contains("place 3", Render<StateChip>(p => p.Add(c => c.Run, Samples.Run("a", state: RunState.Queued, queue: 3))).Markup, StringComparison.Ordinal);

    [Fact]
    public void Summary_ErrorInDraft_DisablesStartAndSaysWhy()
    {
        var form = Form();
        form.Set("learning_rate", "0");

        var panel = Render<DraftSummary>(p => p.Add(c => c.Form, form).Add(c => c.Preview, Samples.Preview()).Add(c => c.Problems, form.Problems()));

        Assert.True(panel.Find("button.mud-button-filled").HasAttribute("disabled"));
        Assert.Contains("Cannot start: learning_rate: With a learning rate of 0 or less nothing is learned.", panel.Find("#start-why").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_OnlyWarnings_LetsStart()
    {
        var form = Form();
        form.Set("learning_rate", "3");

        var panel = Render<DraftSummary>(p => p.Add(c => c.Form, form).Add(c => c.Preview, Samples.Preview()).Add(c => c.Problems, form.Problems()));

        Assert.False(panel.Find("button.mud-button-filled").HasAttribute("disabled"));
        Assert.Contains("usually diverges", panel.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_ChangedField_IsMarkedAndResetsAlone()
    {
        var form = Form();
        form.Set("use_rslora", "true");
        var edits = 0;

        var options = Render<DraftOptions>(p => p.Add(c => c.Form, form).Add(c => c.Changed, () => edits++));
        var changed = options.FindAll(".wb-changed");

        Assert.Contains("use_rslora", Assert.Single(changed).TextContent, StringComparison.Ordinal);
        options.Find(".wb-changed .wb-reset").Click();
        Assert.Empty(form.Changed);
        Assert.Equal(1, edits);
    }

    [Fact]
    public void Options_Search_FindsFoldedOnes()
    {
        var options = Render<DraftOptions>(p => p.Add(c => c.Form, Form()));

        options.Find("input[type=text], input.mud-input-slot").Input("rslora");

        Assert.Contains("use_rslora", Assert.Single(options.FindAll(".wb-option")).TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void CompareTable_DifferencesOnly_HidesEqualSettings()
    {
        RunSummary[] runs = [Samples.Run("a", f1: 0.6, trainable: 10), Samples.Run("b", "BITFIT", f1: 0.5, trainable: 5)];
        SettingRow[] settings = [new("r", ["8", "16"], true), new("seed", ["42", "42"], false)];

        var table = Render<CompareTable>(p => p.Add(c => c.Runs, runs).Add(c => c.Settings, settings).Add(c => c.DifferencesOnly, true).Add(c => c.ColorOf, run => run.Color));

        Assert.Contains("<code>r</code>", table.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("<code>seed</code>", table.Markup, StringComparison.Ordinal);
        Assert.NotEmpty(table.FindAll(".wb-best"));
    }

    [Fact]
    public void TryIt_AdapterMissing_SaysSoAndAsksTheBase()
    {
        var panel = Render<TryIt>(p => p.Add(c => c.ModelId, "m1").Add(c => c.RunId, "r1").Add(c => c.AdapterReady, false));

        Assert.Contains("once it is saved", panel.Markup, StringComparison.Ordinal);
        Assert.Contains("刘德华与朱丽倩", panel.Markup, StringComparison.Ordinal);
        Assert.Single(panel.FindAll(".wb-answer-panel"));
    }

    [Fact]
    public void NewRun_Opened_IsCompleteAndPreviewsAfterAnEdit()
    {
        Answer("GET /api/datasets", new[] { new DatasetSummary("d1", "sample", "", 10, 5, 5, true, Samples.Noon, 0) });
        Answer("GET /api/models", new[] { new ModelSummary("m1", "mini", "llama", 8_000_000, "bf16", 1, true, "CC0", []) });
        Answer("GET /api/methods", new[] { Samples.Lora });
        Answer("GET /api/system", new SystemInfo("1", "cpu", 2, 1, 1, true, ["cpu"], "/data"));
        Answer("POST /api/runs/preview", Samples.Preview());

        var page = Render<NewRunPage>();
        page.WaitForAssertion(() => Assert.Contains("trainable params: 311,296", page.Markup, StringComparison.Ordinal));
        var before = Requests.Count(request => request == "POST /api/runs/preview");

        page.Find("#option-r").Input("16");
        page.Find("#option-r").Input("32");
        Assert.Equal(before, Requests.Count(request => request == "POST /api/runs/preview"));
        Clock.Advance(TimeSpan.FromMilliseconds(300));

        page.WaitForAssertion(() => Assert.Equal(before + 1, Requests.Count(request => request == "POST /api/runs/preview")));
        Assert.Contains("\"r\":32", Bodies[^1], StringComparison.Ordinal);
    }

    private static DraftForm Form()
    {
        var form = new DraftForm { DatasetId = "d1", ModelId = "m1" };
        form.Choose(Samples.Lora);
        return form;
    }
}
