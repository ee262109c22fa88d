using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Peft.Core;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Datasets.Import;
using Workbench.Server.Hosting;
using Workbench.Server.Models;
using Workbench.Server.Storage;

namespace Workbench.Server.Projects;

/// <summary>
/// The first start makes a project of the samples, so that there is something to press a button on. It happens once: what a person deletes
/// stays deleted.
/// </summary>
internal sealed class SampleSeeding(
    IDbContextFactory<WorkbenchDb> databases, DatasetStore datasets, DatasetImporter importer, ModelStore models, IOptions<WorkbenchOptions> options, TimeProvider time,
    ICurrentPerson person, ILogger<SampleSeeding> log) : IHostedService
{
    public const string ProjectId = "sample";

    private const string Name = "关系抽取示例 / Relation extraction sample";
    private const string Description = "中文关系抽取，全部为合成文本。 Chinese relation extraction; all passages are synthetic.";
    private const string Dataset = "relation-extraction-zh";
    private const string Model = "mini-llama-zh";

    /// <summary>One sample for each further task; the order is that of the tasks in the form.</summary>
    private static readonly Sample[] s_others =
    [
        new("reading-comprehension-zh", "阅读理解示例 / Reading comprehension sample", "问题、段落与段落中的答案。 Questions, passages, and the answers in them.", ".json"),
        new("ner-zh", "命名实体示例 / Named entities sample", "中文段落中的人物、地点、企业等。 People, places, companies in Chinese passages.", ".jsonl"),
        new("sentiment-finance", "金融情感示例 / Financial sentiment sample", "中英文财经短句：积极、中性、消极。 Short financial sentences in Chinese and English.", ".jsonl"),
    ];

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

        // A start that was killed half-way left samples without a project: they begin anew.
        foreach (var left in (await datasets.ListAsync(cancellationToken)).Where(known => known.IsSample))
            await datasets.DeleteAsync(left.Id, cancellationToken);
        foreach (var other in s_others)
            await ImportAsync(Path.Combine(Path.GetDirectoryName(samples)!, other.Folder), other, cancellationToken);
        var dataset = await ImportAsync(samples, new(Dataset, Name, Description, ".instruct.jsonl"), cancellationToken);
        db.Projects.Add(new ProjectEntity
        {
            Id = ProjectId, Name = Name, DatasetId = dataset.Id, ModelId = Model, IsSample = true, CreatedAt = time.GetUtcNow(), CreatedBy = person.Id,
        });
        await db.SaveChangesAsync(cancellationToken);
        log.LogInformation("Made the sample project with {Train} + {Dev} + {Test} records", dataset.Train, dataset.Dev, dataset.Test);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<DatasetSummary> ImportAsync(string folder, Sample sample, CancellationToken cancel)
    {
        var made = await datasets.CreateAsync(sample.Name, sample.Description, isSample: true, cancel);
        foreach (var split in Enum.GetValues<DatasetSplit>())
        {
            var file = Path.Combine(folder, split.ToString().ToLowerInvariant() + sample.Ending);
            var report = importer.Import(datasets.File(made.Id), [new InputFile(Path.GetFileName(file), file)], new ImportChoices(), split, commit: true, null, cancel);
            if (!report.Committed || report.Refused > 0)
                throw new PeftException($"The sample {file} cannot be read: {(report.Problems is [var first, ..] ? first.Message : "no record was accepted.")}");
        }

        return (await datasets.RefreshAsync(made.Id, cancel)).Dataset;
    }

    private sealed record Sample(string Folder, string Name, string Description, string Ending);
}
