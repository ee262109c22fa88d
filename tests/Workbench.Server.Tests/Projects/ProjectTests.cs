using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Projects;

public sealed class ProjectTests(SeededServer server) : IClassFixture<SeededServer>
{
    [Fact]
    public async Task FirstStart_MakesTheSampleProject()
    {
        var dataset = await server.Http.AskAsync<DatasetSummary>($"{Routes.Datasets}/{server.Project.DatasetId}");

        Assert.Equal((2400, 300, 300), (dataset.Train, dataset.Dev, dataset.Test));
        Assert.True(dataset.IsSample);
        Assert.Equal("mini-llama-zh", server.Project.ModelId);
    }

    [Fact]
    public async Task SecondStart_BringsNothingBackThatWasDeleted()
    {
        var data = Path.Combine(Path.GetTempPath(), "workbench-tests", Guid.NewGuid().ToString("N"));
        try
        {
            await using (var first = WorkbenchFactory.On(data))
            {
                var http = first.CreateClient();
                foreach (var dataset in await http.AskAsync<IReadOnlyList<DatasetSummary>>(Routes.Datasets))
                {
                    using var deleted = await http.TryAsync(HttpMethod.Delete, $"{Routes.Datasets}/{dataset.Id}");
                    Assert.True(deleted.IsSuccessStatusCode);
                }
            }

            await using var second = WorkbenchFactory.On(data);
            Assert.Empty(await second.CreateClient().AskAsync<IReadOnlyList<DatasetSummary>>(Routes.Datasets));
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task System_TellsWhatTheMachineHas()
    {
        var system = await server.Http.AskAsync<SystemInfo>(Routes.System);

        Assert.Equal(Environment.ProcessorCount, system.Cores);
        Assert.Equal("cpu", system.Devices[0]);
        Assert.True(system.MemoryBytes > 0 && system.FreeDiskBytes > 0);
        Assert.NotEmpty(system.Version);
    }

    [Theory]
    [InlineData("LORA", "MAGIC", 42, "MAGIC")]
    [InlineData("LORA", "BITFIT", -1, "Seeds")]
    public async Task Comparison_BadOrder_IsRefusedAndStartsNothing(string first, string second, int seed, string named)
    {
        var order = new StartComparison("c", server.Project.DatasetId, server.Project.ModelId, [first, second], [seed], true);

        var refusal = await server.Http.RefusalAsync(HttpMethod.Post, Routes.Comparisons, order, 422);

        Assert.Contains(named, refusal, StringComparison.Ordinal);
        Assert.Empty(await server.Http.AskAsync<IReadOnlyList<ComparisonDto>>(Routes.Comparisons));
    }

    [Fact]
    public async Task ComparisonEstimate_NothingFinishedYet_GrowsWithWhatIsOrdered()
    {
        var one = await EstimateAsync("LORA", "NONE");
        var two = await EstimateAsync("LORA", "BITFIT", "NONE");

        Assert.True(one > 0, $"{one} s");
        Assert.True(two > one, $"{two} s for two methods, {one} s for one");

        async Task<double?> EstimateAsync(params string[] methods) => await server.Http.SendAsync<double?>(
            HttpMethod.Post,
            Routes.Comparisons + "/estimate",
            new StartComparison("c", server.Project.DatasetId, server.Project.ModelId, methods, [42], true));
    }
}
