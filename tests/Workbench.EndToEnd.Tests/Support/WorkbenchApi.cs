using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workbench.Client.Contracts;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>Sets the stage for a browser test through the same API that the pages use.</summary>
public sealed class WorkbenchApi(WorkbenchProcess server)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public async Task<DatasetSummary> SampleDatasetAsync()
    {
        // The sample is made in the background of the first start.
        for (var i = 0; i < 240; i++)
        {
            var datasets = await GetAsync<DatasetSummary[]>(Routes.Datasets);
            if (datasets.FirstOrDefault(set => set.IsSample && set.Test > 0) is { } sample)
                return sample;
            await Task.Delay(250);
        }

        throw new TimeoutException("The sample dataset did not appear within a minute:\n" + server.Output);
    }

    public Task<RunSummary> RunAsync(string id) => DetailAsync(id);

    /// <summary>Starts a run that is real but small: few steps, few held-out records.</summary>
    public async Task<RunSummary> StartAsync(string peftType, int steps, int testRecords = 2)
    {
        var models = await GetAsync<ModelSummary[]>(Routes.Models);
        var draft = new RunDraft
        {
            Name = $"{peftType} {steps}",
            DatasetId = (await SampleDatasetAsync()).Id,
            ModelId = models[0].Id,
            PeftType = peftType,
            TestRecords = testRecords,
            MaxNewTokens = 16,
            Training = new()
            {
                ["max_steps"] = JsonSerializer.SerializeToElement(steps),
                ["max_eval_samples"] = JsonSerializer.SerializeToElement(4),
                ["eval_steps"] = JsonSerializer.SerializeToElement(Math.Max(1, steps / 2)),
                ["save_steps"] = JsonSerializer.SerializeToElement(2),
            },
        };
        using var answer = await server.Client.PostAsJsonAsync(Routes.Runs, draft, s_json);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<RunSummary>(s_json))!;
    }

    public async Task<RunSummary> WaitForAsync(string runId, Func<RunSummary, bool> reached, string what)
    {
        RunSummary? run = null;
        for (var i = 0; i < 720; i++)
        {
            run = await DetailAsync(runId);
            if (reached(run))
                return run;
            Assert.False(run.State == RunState.Failed, $"The run failed: {run.Message}");
            await Task.Delay(250);
        }

        throw new TimeoutException($"Run {runId} is {run!.State} at step {run.Step} after three minutes instead of: {what}");
    }

    private async Task<RunSummary> DetailAsync(string id) => (await GetAsync<RunDetail>($"{Routes.Runs}/{id}")).Summary;

    private async Task<T> GetAsync<T>(string address) => (await server.Client.GetFromJsonAsync<T>(address, s_json))!;
}
