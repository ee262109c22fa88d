using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Learn;

namespace Workbench.Client.Tests.Learn;

/// <summary>The tree of methods, a page of one, and the picture of what it trains.</summary>
public sealed class LearnTests : PagesContext
{
    private static readonly LayoutDto s_layout = new(
        "llama", "trainable params: 640 || all params: 2,000 || trainable%: 32.0000", 640, 2000, [],
        [],
        [
            new("", -1, 1, [new("", 1, [new("model.embed_tokens", "Embedding", [100, 8], 800, 0, [])], [])]),
            new("model.layers", 0, 2,
            [
                new("", 1, [new("input_layernorm", "Norm", [8], 8, 8, [])], []),
                new("self_attn", 1, [new("q_proj", "Linear", [8, 8], 64, 0, [new("lora_A.weight", [4, 8], 32), new("lora_B.weight", [8, 4], 32)])], [], IsAttention: true),
            ]),
            new("", -1, 1, [new("", 1, [new("lm_head", "Head", [100, 8], 0, 0, [])], [])]),
        ],
        []);

    [Fact]
    public void Tree_HasAFamilyForEachKind_AndLinksToEveryPage()
    {
        Prepare();
        var page = Render<LearnPage>();

        page.WaitForAssertion(() => Assert.Equal(["learn/bitfit", "learn/lora", "learn/qlora"], page.FindAll(".wb-tree-methods a").Select(link => link.GetAttribute("href"))));
        Assert.Equal(["Specification", "Reparameterization"], page.FindAll(".wb-tree-family > h2").Select(title => title.TextContent));
        Assert.Contains("learn/qlora", page.Find(".wb-tree-variant a").OuterHtml, StringComparison.Ordinal);
    }

    [Fact]
    public void Tree_InChinese_AsksForChinesePages()
    {
        SetCulture("zh-CN");
        Prepare("zh-CN");
        var page = Render<LearnPage>();

        page.WaitForAssertion(() => Assert.Contains("指定式", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Page_ShowsTextPictureAndOptions_AndFollowsTheOptions()
    {
        Prepare();
        var page = Render<LessonPage>(parameters => parameters.Add(p => p.Slug, "lora"));

        page.WaitForAssertion(() => Assert.Contains("640 numbers train", page.Markup, StringComparison.Ordinal));
        Assert.Equal("y = W·x", page.Find("code.language-formula").TextContent.Trim());
        Assert.Contains("Rank of the change", page.Find("section[aria-labelledby=options-title]").OuterHtml, StringComparison.Ordinal);
        Assert.Equal("runs/new?method=LORA", page.Find(".wb-page-head .wb-actions a").GetAttribute("href"));
        page.Find("#option-r").Input("4");
        page.WaitForAssertion(() => Assert.Contains("\"r\":4", Server.Asked.Last(asked => asked.Request.Contains("layout", StringComparison.Ordinal)).Body, StringComparison.Ordinal));
    }

    [Fact]
    public void Page_OfAMethodThatMakesNoSense_LinksToTheNearest()
    {
        Prepare();
        Server.Answer("POST /api/methods/LORA/layout", s_layout with { Problems = [new DraftProblem("peft_type", "error", "invalid_peft_type", "peft_type: none.") { Instead = ["LN_TUNING"] }] });
        var page = Render<LessonPage>(parameters => parameters.Add(p => p.Slug, "lora"));

        page.WaitForAssertion(() => Assert.Equal("learn/ln-tuning", page.Find(".wb-alert-error a").GetAttribute("href")));
    }

    [Fact]
    public void Page_ThatDoesNotExist_SaysSoWithAWayBack()
    {
        var page = Render<LessonPage>(parameters => parameters.Add(p => p.Slug, "nothing"));

        page.WaitForAssertion(() => Assert.Equal("learn", page.Find("[role=alert] a").GetAttribute("href")));
    }

    [Theory]
    [InlineData(720)]
    [InlineData(380)]
    public void Layout_EverythingLiesInsideThePicture(double width)
    {
        var picture = new DiagramLayout(s_layout, width, (key, values) => key);

        Assert.All(picture.Boxes, box =>
        {
            Assert.InRange(box.X, 0, width);
            Assert.InRange(box.X + box.Width, 0, width);
            Assert.InRange(box.Y + box.Height, 0, picture.Height);
        });
        Assert.Single(picture.Boxes, box => box.Kind == DiagramKind.Added);
        Assert.Single(picture.Boxes, box => box.Kind == DiagramKind.Trained);
        Assert.Single(picture.Boxes, box => box.Kind == DiagramKind.Frame);
    }

    [Fact]
    public void Layout_BoxesOfModules_DoNotOverlap()
    {
        var boxes = new DiagramLayout(s_layout, 380, (key, values) => key).Boxes.Where(box => box.Kind is DiagramKind.Frozen or DiagramKind.Added).ToArray();
        foreach (var (first, i) in boxes.Select((box, i) => (box, i)))
            Assert.All(boxes.Skip(i + 1), second => Assert.True(first.Y + first.Height <= second.Y + 0.01 || second.Y + second.Height <= first.Y + 0.01));
    }

    [Fact]
    public void Diagram_AsATable_NamesEveryModuleOnce()
    {
        var diagram = Render<BlockDiagram>(parameters => parameters.Add(p => p.Layout, s_layout).Add(p => p.Family, MethodFamily.Reparameterization));

        Assert.Equal(
            ["model.embed_tokens", "model.layers.0–1.input_layernorm", "model.layers.0–1.self_attn.q_proj", "lm_head"],
            diagram.FindAll("tbody th code").Select(cell => cell.TextContent));
    }

    private void Prepare(string language = "en")
    {
        var preset = new TrainingPreset(0.01, 100, 8, new Dictionary<string, string>());
        MethodDto Method(string type, MethodFamily family, string branch) =>
            new(type, type, family, "", "https://example.org/", type == "LORA" ? [new MethodOptionDto("r", OptionKind.Integer, "8", 1, 1024, [], "Rank of the change.", false)] : [], preset) { Branch = branch };
        Server.Answer($"GET /api/lessons?language={language}", new[] { new LessonSummary("lora", "LORA", "LoRA", "Thin matrices."), new("qlora", "LORA", "QLoRA", "In 4 bits."), new("bitfit", "BITFIT", "BitFit", "Biases.") });
        Server.Answer("GET /api/lessons/lora?language=en", new LessonDto("lora", "LORA", "LoRA", "Thin matrices.", "## Formula\n\n```formula\ny = W·x\n```\n"));
        Server.Answer("GET /api/methods", new[] { Method("LORA", MethodFamily.Reparameterization, "LowRank"), Method("BITFIT", MethodFamily.Specification, "None") });
        Server.Answer("GET /api/models", new[] { new ModelSummary("mini", "mini", "LlamaForCausalLM", 2000, "float32", 8000, true, "", []) });
        Server.Answer("POST /api/methods/LORA/layout", s_layout);
    }
}
