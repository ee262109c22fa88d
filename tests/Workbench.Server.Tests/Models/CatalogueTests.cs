using System.Globalization;
using System.Text.RegularExpressions;
using Workbench.Client.Contracts;
using Workbench.Server.Catalogue;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Models;

/// <summary>The catalogue's data against itself and against the engine.</summary>
public sealed partial class CatalogueTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    public static IEnumerable<object[]> Supported() => CatalogueFile.Items.Where(item => item.IsSupported).Select(item => new object[] { item.Id });

    [Theory]
    [MemberData(nameof(Supported))]
    public void Parameters_OfTheEngine_EqualThePublishedCount(string id)
    {
        var item = CatalogueFile.Items.Single(i => i.Id == id);
        var counted = item.Read().ParameterCount();
        if (item.Parameters is { } published)
        {
            Assert.Equal(published, counted);
            return;
        }

        // A rounded figure such as 16B is off by less than a unit of its last place, and names like 7B stand for 6.7.
        var text = item.Rounded!;
        var wanted = double.Parse(text[..^1], CultureInfo.InvariantCulture) * (text[^1] == 'M' ? 1e6 : 1e9);
        Assert.InRange(counted / wanted, 0.93, 1.07);
    }

    [Fact]
    public void Items_AreComplete()
    {
        Assert.Equal(CatalogueFile.Items.Count, CatalogueFile.Items.Select(item => item.Id).Distinct().Count());
        foreach (var item in CatalogueFile.Items)
        {
            Assert.Matches(Month(), item.Date);
            Assert.True(item.Parameters > 0 || item.Rounded is not null, item.Id);
            Assert.True(Uri.TryCreate(item.Source, UriKind.Absolute, out _), item.Id);
            Assert.All(new[] { item.Name, item.Family, item.Licence, item.Position, item.Attention, item.Activation, item.Norm }, text => Assert.NotEmpty(text));
            Assert.Contains(item.Kind, new[] { "decoder", "encoder", "encoder-decoder" });
            Assert.True(item.Hub is null || item.Hub.Split('/').Length == 2, item.Id);
        }
    }

    [Fact]
    public void Items_HoldTheLecturesTable()
    {
        string[] table = ["GPT-3 175B", "CodeGen 16B mono", "PaLM 540B", "OPT 175B", "GLM-130B", "BLOOM 176B", "LLaMA 65B", "CodeGen2 16B", "MPT 30B", "StarCoder 15.5B"];
        string[] chinese = ["ChatGLM 6B", "MOSS moon 003 16B", "OpenChineseLLaMA 7B", "Chinese-LLaMA-Alpaca 7B", "BiLLa 7B", "CPM-Bee 10B"];
        var lecture = CatalogueFile.Items.Where(item => item.Lecture).Select(item => item.Name).ToHashSet();
        Assert.All(table.Concat(chinese), name => Assert.Contains(name, lecture));
    }

    [Fact]
    public async Task Catalogue_OverHttp_SaysWhatTrainingTakes()
    {
        var catalogue = await server.CreateClient().AskAsync<CatalogueDto>(Routes.Catalogue);
        Assert.True(catalogue.MachineBytes > 0);
        var large = catalogue.Entries.Single(entry => entry.Id == "llama-65b");
        Assert.True(large.Verified);
        Assert.Equal((80, 64, 8192, 32000), (large.Layers, large.Heads, large.HiddenSize, large.Vocabulary));
        Assert.True(large.Memory!.Full > large.Memory.Lora && large.Memory.Lora > large.Memory.Qlora);
        Assert.InRange(large.Memory.Qlora, large.Parameters / 2, large.Parameters);
    }

    [GeneratedRegex("^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    private static partial Regex Month();
}
