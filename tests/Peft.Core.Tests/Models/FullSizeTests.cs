using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Tests.Models;

/// <summary>
/// Published sizes from outlines, without a tensor: every base of the catalogue that the engine computes has as many parameters as were
/// published, and the names and shapes that were approved once.
/// </summary>
public sealed class FullSizeTests
{
    private static readonly List<JsonObject> s_catalogue =
        [.. JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Models", "catalogue.json")))!.AsArray().Select(item => item!.AsObject())];

    public static IEnumerable<object[]> Exact() => Supported().Where(item => item["parameters"] is not null).Select(item => new object[] { item["id"]!.GetValue<string>() });

    [Theory]
    [MemberData(nameof(Exact))]
    public void ParameterCount_PublishedExactly_IsEqual(string id)
    {
        var item = s_catalogue.Single(i => i["id"]!.GetValue<string>() == id);
        Assert.Equal(item["parameters"]!.GetValue<long>(), Read(item).ParameterCount());
    }

    /// <summary>
    /// Where only a rounded figure was published: the count that the description of the architecture amounts to, added up by hand (d width,
    /// L layers, V vocabulary, f feed-forward width). The same sums give the exact figures of smaller siblings, OPT-30B and MPT-7B among them.
    /// </summary>
    [Theory]
    [InlineData("opt-66b", 65_719_701_504)] // Vd + 2050d + L(12d² + 13d) + 2d
    [InlineData("opt-175b", 174_604_468_224)]
    [InlineData("gpt-3-175b", 174_604_259_328)] // Vd + 2048d + L(12d² + 13d) + 2d
    [InlineData("gpt-3-6.7b", 6_658_404_352)]
    [InlineData("glm-130b", 128_697_794_560)] // Vd + L(4d² + 3df + 2f + 9d) + 2d
    [InlineData("mpt-30b", 29_957_200_896)] // Vd + L(12d² + 2d) + d
    [InlineData("palm-8b", 8_632_012_800)] // Vd + L(2d·256h + 512d + 3df + d) + d
    [InlineData("palm-62b", 62_495_662_080)]
    [InlineData("palm-540b", 540_356_474_880)]
    [InlineData("codegen-2b-mono", 2_779_356_160)] // 2Vd + V + L(12d² + 7d) + 2d
    [InlineData("codegen-6b-mono", 7_064_213_504)]
    [InlineData("codegen-16b-mono", 16_032_155_648)]
    [InlineData("codegen2-1b", 1_015_306_240)]
    [InlineData("codegen2-16b", 16_032_155_648)]
    [InlineData("moss-moon-003-16b", 16_717_980_160)]
    [InlineData("chinese-llama-alpaca-7b", 6_885_494_784)] // 2Vd + L(4d² + 3df + 2d) + d
    [InlineData("chinese-llama-2-7b", 6_929_256_448)]
    [InlineData("billa-7b", 6_860_828_672)]
    public void ParameterCount_PublishedRounded_IsTheSumOfItsParts(string id, long expected)
    {
        var item = Supported().SingleOrDefault(i => i["id"]!.GetValue<string>() == id);
        Assert.NotNull(item);
        Assert.Equal(expected, Read(item).ParameterCount());
    }

    [Fact]
    public void Outlines_OfTheCatalogue_EqualTheApprovedOnes()
    {
        var lines = Supported().Select(item => Line(item["id"]!.GetValue<string>(), Read(item)));
        Assert.Equal(File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Models", "catalogue.approved.txt")), lines);
    }

    /// <summary>Entry, parameters, tensors, and a hash over every name and shape in module order.</summary>
    private static string Line(string id, ModelConfig config)
    {
        var shapes = string.Join('\n', config.Parameters().Select(p => p.ToString()));
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(shapes)))[..16];
        return string.Create(CultureInfo.InvariantCulture, $"{id} {config.ParameterCount()} {config.Parameters().Count} {hash}");
    }

    private static IEnumerable<JsonObject> Supported() =>
        s_catalogue.Where(item => ModelRegistry.All.Any(m => m.ModelType == item["config"]!["model_type"]!.GetValue<string>()));

    private static ModelConfig Read(JsonObject item) => ModelConfig.Read(
        ConfigReader.From($"catalogue.json, entry '{item["id"]}'", item["config"]!.AsObject()),
        item["countTask"] is { } task ? ModelTasks.Parse(task.GetValue<string>()) : null);
}
