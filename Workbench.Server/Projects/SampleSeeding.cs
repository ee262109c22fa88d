using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Models;
using Workbench.Server.Storage;

namespace Workbench.Server.Projects;

/// <summary>
/// The first start makes a project of the samples, so that there is something to press a button on. It happens once: what a person deletes
/// stays deleted.
/// </summary>
internal sealed class SampleSeeding(
    IDbContextFactory<WorkbenchDb> databases, DatasetStore datasets, DatasetEditor editor, ModelStore models, IOptions<WorkbenchOptions> options, TimeProvider time,
    ICurrentPerson person, ILogger<SampleSeeding> log) : IHostedService
{
    public const string ProjectId = "sample";

    private const string Name = "关系抽取示例 / Relation extraction sample";
    private const string Description = "中文关系抽取，全部为合成文本。 Chinese relation extraction; all passages are synthetic.";
    private const string Dataset = "relation-extraction-zh";
    private const string Model = "mini-llama-zh";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await models.SyncAsync(cancellationToken);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        if (await db.Projects.AnyAsync(row => row.Id == ProjectId, cancellationToken))
            return;
        var samples = Path.GetFullPath(Path.Combine(Installation.Root, options.Value.SamplesDirectory, "datasets", Dataset));
        if (!Directory.Exists(samples))
        {
            log.LogWarning("No sample project: {Folder} is missing. Set Workbench:SamplesDirectory to the folder 'samples'.", samples);
            return;
        }

        var dataset = await ImportAsync(samples, cancellationToken);
        db.Projects.Add(new ProjectEntity
        {
            Id = ProjectId, Name = Name, DatasetId = dataset.Id, ModelId = Model, IsSample = true, CreatedAt = time.GetUtcNow(), CreatedBy = person.Id,
        });
        await db.SaveChangesAsync(cancellationToken);
        log.LogInformation("Made the sample project with {Train} + {Dev} + {Test} records", dataset.Train, dataset.Dev, dataset.Test);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<DatasetSummary> ImportAsync(string folder, CancellationToken cancel)
    {
        // A start that was killed half-way left a sample without a project: it begins anew.
        foreach (var left in (await datasets.ListAsync(cancel)).Where(dataset => dataset.IsSample))
            await datasets.DeleteAsync(left.Id, cancel);
        var made = await datasets.CreateAsync(Name, Description, isSample: true, cancel);
        foreach (var split in Enum.GetValues<DatasetSplit>())
        {
            var file = Path.Combine(folder, split.ToString().ToLowerInvariant() + ".instruct.jsonl");
            var report = editor.Import(datasets.File(made.Id), Path.GetFileName(file), await File.ReadAllBytesAsync(file, cancel), split, commit: true);
            if (!report.Committed || report.Refused > 0)
                throw new PeftException($"The sample {file} cannot be read: {(report.Problems is [var first, ..] ? first.Message : "no record was accepted.")}");
        }

        return (await datasets.RefreshAsync(made.Id, cancel)).Dataset;
    }
}
