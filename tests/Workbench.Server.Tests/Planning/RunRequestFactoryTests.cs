using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Runs;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Planning;

public sealed class RunRequestFactoryTests(SeededServer server) : IClassFixture<SeededServer>
{
    private IRunRequestFactory Orders => server.Factory.Services.GetRequiredService<IRunRequestFactory>();

    private DataDirectory Data => server.Factory.Services.GetRequiredService<DataDirectory>();

    [Fact]
    public async Task Create_Defaults_SpellsEverythingOutAndFreezesTheDataset()
    {
        var order = await Orders.CreateAsync("01RUN", server.Draft("PREFIX_TUNING") with { TestRecords = 7 }, CancellationToken.None);

        var frozen = DatasetSnapshot.Open(Data.Resolve(order.Request.Dataset));
        Assert.Equal(2400, frozen.Read("train").Count);
        Assert.True(Directory.Exists(Data.Resolve(order.Request.BaseModel)));
        Assert.Equal("PREFIX_TUNING", order.Request.Peft["peft_type"]!.GetValue<string>());
        Assert.True(order.Request.Peft["prefix_projection"]!.GetValue<bool>());
        Assert.Equal(7, order.Request.Evaluation.MaxRecords);
        var arguments = TrainingArguments.FromJson(order.Request.Training, out var problems);
        Assert.Empty(problems);
        Assert.Equal((0.005, 200, 10, 8), (arguments.LearningRate, arguments.MaxSteps, arguments.WarmupSteps, arguments.PerDeviceTrainBatchSize));
        Assert.Equal("Prefix tuning", order.Request.Name);
    }

    [Fact]
    public async Task Create_SameRecordsTwice_UseOneSnapshot()
    {
        var first = await Orders.CreateAsync("01A", server.Draft("BITFIT"), CancellationToken.None);
        var second = await Orders.CreateAsync("01B", server.Draft("LORA"), CancellationToken.None);

        Assert.Equal(first.Request.Dataset, second.Request.Dataset);
    }

    [Fact]
    public async Task Create_Baseline_TrainsNothing()
    {
        var order = await Orders.CreateAsync("01C", server.Draft("NONE"), CancellationToken.None);

        Assert.Equal("NONE", order.Request.Peft["peft_type"]!.GetValue<string>());
        Assert.Equal(MethodFamily.None, order.Family);
    }

    [Fact]
    public async Task Create_UnusableDraft_NamesEveryProblem()
    {
        var draft = server.Draft("LORA") with
        {
            Peft = new() { ["r"] = JsonSerializer.SerializeToElement(0) },
            Training = new() { ["learning_rate"] = JsonSerializer.SerializeToElement("NaN") },
        };

        var refusal = await Assert.ThrowsAsync<PeftException>(() => Orders.CreateAsync("01D", draft, CancellationToken.None));

        Assert.Contains("r: the rank must be a positive", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("learning_rate", refusal.Message, StringComparison.Ordinal);
    }
}
