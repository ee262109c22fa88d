using Peft.Core.Methods;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Methods;

/// <summary>The pages about methods: one for every entry of the registry, in both languages, with everything a page needs.</summary>
public sealed class LessonTests
{
    public static TheoryData<string, string> Pages()
    {
        var pages = new TheoryData<string, string>();
        foreach (var method in PeftMethodRegistry.All)
        {
            pages.Add("en", method.Name);
            pages.Add("zh-CN", method.Name);
        }

        return pages;
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_OfEveryMethod_IsComplete(string language, string peftType)
    {
        var method = PeftMethodRegistry.Find(peftType);
        var lesson = Assert.Single(LessonLibrary.In(language), page => page.Slug == LessonLibrary.SlugOf(peftType));

        Assert.Equal(peftType, lesson.PeftType);
        Assert.NotEmpty(lesson.Lead);
        Assert.True(lesson.Markdown.Split("\n## ").Length >= 5, "headings");
        Assert.Contains("```formula", lesson.Markdown, StringComparison.Ordinal);
        Assert.Contains("```python", lesson.Markdown, StringComparison.Ordinal);
        Assert.Contains(method.Paper.ToString(), lesson.Markdown, StringComparison.Ordinal);
        if (language == "zh-CN")
            Assert.Contains("什么时候用", lesson.Markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void Pages_OfBothLanguages_AreTheSameInTheSameOrder() =>
        Assert.Equal(LessonLibrary.In("en").Select(page => page.Slug), LessonLibrary.In("zh-CN").Select(page => page.Slug));

    [Fact]
    public void Variant_NamesItsMethod_AndStandsBehindIt()
    {
        var pages = LessonLibrary.In("en").Select(page => page.Slug).ToList();
        Assert.Equal("LORA", LessonLibrary.In("en").Single(page => page.Slug == "qlora").PeftType);
        Assert.Equal(pages.IndexOf("lora") + 1, pages.IndexOf("qlora"));
    }

    [Fact]
    public void Options_ThatPagesName_Exist()
    {
        // A page must not teach an option that the descriptor does not have.
        var names = PeftMethodRegistry.All.SelectMany(method => method.Options).Select(option => option.Name).ToHashSet(StringComparer.Ordinal);
        string[] taught = ["use_rslora", "use_dora", "init_lora_weights", "prefix_projection", "orth_reg_weight", "tinit", "tfinal", "decompose_factor", "use_cayley_neumann", "reduction_factor", "adapter_len", "adapter_layers", "num_ranks", "feedforward_modules"];
        Assert.All(taught, name => Assert.Contains(name, names));
        Assert.All(taught, name => Assert.Contains(LessonLibrary.In("en"), page => page.Markdown.Contains(name, StringComparison.Ordinal)));
    }
}

/// <summary>What the pages and the form ask about methods on a base.</summary>
public sealed class MethodLayoutEndpointTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Fact]
    public async Task Layout_OfLora_HasTheNumbersOfTheTrainableLine_AndFollowsTheOptions()
    {
        var usual = await AskAsync("LORA", "{}");
        var smaller = await AskAsync("LORA", """{"r":4,"target_modules":"q_proj"}""");

        Assert.Equal((311_296, 8_200_448), (usual.Trainable, usual.All));
        Assert.Equal(8 * 4 * 512, smaller.Trainable);
        var part = Assert.Single(smaller.Parts, part => part.First == 0);
        Assert.Equal(8, part.Count);
        Assert.Equal(["q_proj"], part.Groups.SelectMany(group => group.Modules).Where(module => module.Added.Count > 0).Select(module => module.Name));
    }

    [Fact]
    public async Task Layout_OfUnusableOptions_SaysWhyAndShowsTheBase()
    {
        var layout = await AskAsync("LORA", """{"target_modules":"nothing_here"}""");

        Assert.Contains(layout.Problems, problem => problem.Severity == "error");
        Assert.Equal(0, layout.Trainable);
        Assert.NotEmpty(layout.Parts);
    }

    [Fact]
    public async Task Preview_OfPromptTuningOnASmallBase_SaysSoAndOffersWhatIsNearest()
    {
        var preview = await server.Http.SendAsync<RunPreview>(HttpMethod.Post, Routes.Runs + "/preview", server.Draft("PROMPT_TUNING"));

        var hint = Assert.Single(preview.Problems, problem => problem.Code == "small_base");
        Assert.Equal("warning", hint.Severity);
        Assert.Equal("P_TUNING", hint.Instead[0]);
    }

    [Theory]
    [InlineData("LORA", """{"lora_alpha":0}""", "{}", "alpha_zero")]
    [InlineData("LORA", "{}", """{"learning_rate":0.00001}""", "rate_far_below")]
    [InlineData("FULL", "{}", """{"learning_rate":0.05}""", "rate_far_above")]
    [InlineData("ADALORA", """{"tinit":100,"tfinal":100}""", """{"max_steps":150}""", "nothing_pruned")]
    public async Task Preview_OfWhatMakesLittleSense_Hints(string peftType, string peft, string training, string code)
    {
        var draft = server.Draft(peftType) with { Peft = Json(peft), Training = Json(training) };

        var preview = await server.Http.SendAsync<RunPreview>(HttpMethod.Post, Routes.Runs + "/preview", draft);

        Assert.Contains(preview.Problems, problem => problem.Code == code);
    }

    [Fact]
    public void Nearest_OfEveryMethod_AreMethods() =>
        Assert.All(PeftMethodRegistry.All.SelectMany(method => method.Nearest), name => Assert.NotNull(PeftMethodRegistry.TryFind(name)));

    [Fact]
    public void Suggestions_ForBitFitWithoutBiases_AreOnlyWhatFits()
    {
        var folder = Path.Combine(Repository.Root, "tests", "Peft.Core.Tests", "Goldens", "data", "peft", "_bases", "llama");
        var model = Peft.Core.Models.ModelConfig.Load(folder);

        Assert.Equal(["LN_TUNING", "IA3"], MethodSuggestions.For("BITFIT", model, "CAUSAL_LM"));
    }

    private Task<LayoutDto> AskAsync(string peftType, string peft) =>
        server.Http.SendAsync<LayoutDto>(HttpMethod.Post, $"{Routes.Methods}/{peftType}/layout", new LayoutRequest(server.Project.ModelId) { Peft = Json(peft) });

    private static Dictionary<string, System.Text.Json.JsonElement> Json(string text) => System.Text.Json.JsonSerializer.Deserialize<Dictionary<string, System.Text.Json.JsonElement>>(text)!;
}
