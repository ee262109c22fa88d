using Workbench.Client.Contracts;
using Workbench.Client.Features.Catalogue;

namespace Workbench.Client.Tests;

public sealed class CatalogueViewTests
{
    private static readonly CatalogueDto s_catalogue = new(10_000, [Entry("small 2B", 2_000, "2024-01"), Entry("large 10B", 10_000, "2025-01", lecture: true), Entry("unknown 1B", 500, "2023-01", verified: false)]);

    [Fact]
    public void Apply_Default_ShowsTheNewestFirst() => Assert.Equal(["large 10B", "small 2B", "unknown 1B"], Names(new CatalogueView()));

    [Fact]
    public void Apply_Fit_LeavesOutWhatIsTooLargeOrUnknown() => Assert.Equal(["small 2B"], Names(new CatalogueView { Fit = FitFilter.Lora }));

    [Fact]
    public void Apply_Search_NeedsEveryWord() => Assert.Equal(["large 10B"], Names(new CatalogueView { Search = "10b LARGE" }));

    [Fact]
    public void Apply_LectureAndVerified_Restrict()
    {
        Assert.Equal(["large 10B"], Names(new CatalogueView { LectureOnly = true }));
        Assert.Equal(["large 10B", "small 2B"], Names(new CatalogueView { VerifiedOnly = true }));
    }

    [Fact]
    public void SortBy_SameColumnTwice_TurnsTheOrder()
    {
        var view = new CatalogueView().SortBy(CatalogueColumn.Parameters);
        Assert.Equal(["unknown 1B", "small 2B", "large 10B"], Names(view));
        Assert.Equal(["large 10B", "small 2B", "unknown 1B"], Names(view.SortBy(CatalogueColumn.Parameters)));
    }

    [Fact]
    public void SortBy_Memory_PutsTheUnknownLast() => Assert.Equal(["small 2B", "large 10B", "unknown 1B"], Names(new CatalogueView().SortBy(CatalogueColumn.Memory)));

    private static IEnumerable<string> Names(CatalogueView view) => view.Apply(s_catalogue).Select(entry => entry.Name);

    private static CatalogueEntry Entry(string name, long parameters, string date, bool verified = true, bool lecture = false) => new(
        name, name, "family", "decoder", date, null, "MIT", ["en"], lecture, parameters, false, "llama", verified, "RoPE", "multi-head", "SwiGLU", "RMSNorm, pre", 2, 2, 8, 32, 64,
        "https://example.org", verified ? new CatalogueMemory(parameters * 8, parameters * 2, parameters) : null);
}
