using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Data;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Models;
using Workbench.Server.Playground;
using Workbench.Server.Storage;

namespace Workbench.Server.Annotation;

/// <summary>Asks the adapter of a run for the triples of a record, through the process that answers the playground, too.</summary>
internal sealed class AdapterSuggester(ServePool pool, ModelStore models, DataDirectory data, IDbContextFactory<WorkbenchDb> databases)
{
    private const int LongestAnswer = 512;

    /// <exception cref="PeftException">There is no such run or adapter, or it did not answer with triples.</exception>
    public async Task<IReadOnlyList<Triple>> AskAsync(string runId, InstructionRecord record, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var run = await db.Runs.AsNoTracking().SingleOrDefaultAsync(row => row.Id == runId, cancel) ?? throw new PeftException($"There is no run '{runId}'.");
        var adapter = data.Run(runId).Adapter;
        if (!Directory.Exists(adapter))
            throw new PeftException($"Run '{run.Name}' has no adapter yet: it is written when training ends or stops.");
        var folder = await models.FolderAsync(run.ModelId, cancel) ?? throw new PeftException($"There is no base model '{run.ModelId}'.");
        var request = new GenerateRequest { ModelId = run.ModelId, RunId = runId, Instruction = record.Instruction, Input = record.Input, MaxNewTokens = LongestAnswer };
        await foreach (var answer in pool.AskAsync(folder, GenerateSettings.Question(request, Ulid.NewUlid().ToString(), adapter), cancel))
        {
            if (answer.Kind == "error")
                throw new PeftException(answer.Message ?? "The answer failed without a message.");
            if (answer.Kind == "done")
                return TripleText.Read(answer.Text ?? "").Triples;
        }

        throw new PeftException("The answer failed without a message.");
    }
}
