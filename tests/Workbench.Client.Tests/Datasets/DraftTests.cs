using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Datasets;

public sealed class DraftTests : RunPagesContext
{
    [Fact]
    public async Task RelationForm_LeftAndOpenedAgain_StillHoldsWhatWasTyped()
    {
        Answer("POST /api/datasets/render", new RenderedRecord("extract", "刘德华与朱丽倩结婚。", "无", []));
        var form = Render<RelationFormPanel>(parameters => parameters.Add(form => form.Ready, true).Add(form => form.Add, _ => Task.CompletedTask));
        form.Find("#" + RelationFormFields.PassageId).Input("刘德华与朱丽倩结婚。");

        await DisposeComponentsAsync();
        var again = Render<RelationFormPanel>(parameters => parameters.Add(form => form.Ready, true).Add(form => form.Add, _ => Task.CompletedTask));

        Assert.Equal("刘德华与朱丽倩结婚。", again.Find("#" + RelationFormFields.PassageId).GetAttribute("value"));
    }
}
