using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Playground;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Playground;

public sealed class OptionsPanelTests : RunPagesContext
{
    private static readonly GenerateRequest s_question = new() { ModelId = "m", Instruction = "i", Input = "p" };

    [Fact]
    public void Mode_Chosen_ShowsItsOptionsAndSendsOnlyThose()
    {
        var options = new AnswerOptions { TopK = 7, NumBeams = 3 };
        var panel = Render<OptionsPanel>(p => p.Add(c => c.Options, options));
        Assert.Empty(panel.FindAll("[title=top_k], [title=num_beams]"));
        Assert.Equal((false, 50, 1), Sent(options));

        panel.Find("select").Change("Sampling");
        Assert.Single(panel.FindAll("[title=top_k]"));
        Assert.Equal((true, 7, 1), Sent(options));

        panel.Find("select").Change("Beams");
        Assert.Empty(panel.FindAll("[title=top_k]"));
        Assert.Contains("only at the end", panel.Find("[role=note]").TextContent, StringComparison.Ordinal);
        Assert.Equal((false, 50, 3), Sent(options));
    }

    [Fact]
    public void Texts_OnePerLine_AreSentWithoutBlanks()
    {
        var request = new AnswerOptions { StopStrings = "。\r\n\n 完 ", BadWords = "x" }.Apply(s_question);

        Assert.Equal(["。", "完"], request.StopStrings);
        Assert.Equal(["x"], request.BadWords);
    }

    private static (bool, int, int) Sent(AnswerOptions options)
    {
        var request = options.Apply(s_question);
        return (request.DoSample, request.TopK, request.NumBeams);
    }
}
