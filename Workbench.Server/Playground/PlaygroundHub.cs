using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.SignalR;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Data;
using Workbench.Client.Contracts;
using Workbench.Server.Adapters;
using Workbench.Server.Hosting;
using Workbench.Server.Models;
using Workbench.Server.Storage;

namespace Workbench.Server.Playground;

/// <summary>Questions to a base model, with or without a run's adapter; the answer is streamed. A viewer who leaves cancels the answer.</summary>
internal sealed class PlaygroundHub(ServePool pool, ModelStore models, AdapterStore adapters, DataDirectory data, IDbContextFactory<WorkbenchDb> databases) : Hub
{
    public async IAsyncEnumerable<GenerateChunk> Generate(GenerateRequest request, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (question, folder, refusal) = await PrepareAsync(request, cancel);
        if (refusal is not null)
        {
            yield return Failed(refusal);
            yield break;
        }

        var text = new StringBuilder();
        await foreach (var answer in pool.AskAsync(folder!, question!, cancel))
        {
            if (answer.Kind == "error")
                yield return Failed(answer.Message ?? "The answer failed without a message.");
            else if (answer.Kind == "done")
                yield return Finished(answer, text.ToString());
            else if (answer.Text is { Length: > 0 } piece)
            {
                text.Append(piece);
                yield return new GenerateChunk(piece, false, answer.Tokens, answer.Seconds, null, null);
            }
        }
    }

    /// <summary>What was not streamed piece by piece follows with the last chunk, so that the pieces together are the answer.</summary>
    private static GenerateChunk Finished(ServeAnswer answer, string streamed)
    {
        var whole = answer.Text ?? streamed;
        var rest = whole.StartsWith(streamed, StringComparison.Ordinal) ? whole[streamed.Length..] : "";
        var reading = TripleText.Read(whole);
        TripleDto[]? triples = reading.Parsed ? [.. reading.Triples.Select(triple => new TripleDto(triple.Head, triple.Relation, triple.Tail))] : null;
        return new GenerateChunk(rest, true, answer.Tokens, answer.Seconds, triples, null);
    }

    private static GenerateChunk Failed(string message) => new("", true, 0, 0, null, message);

    private async Task<(ServeQuestion? Question, string? Folder, string? Refusal)> PrepareAsync(GenerateRequest request, CancellationToken cancel)
    {
        if (Refusal(request) is { } refusal)
            return (null, null, refusal);
        if (await models.FolderAsync(request.ModelId, cancel) is not { } folder)
            return (null, null, $"There is no base model '{request.ModelId}'.");
        string? adapter = null;
        if (request.AdapterId is { } adapterId)
        {
            if (await adapters.FindAsync(adapterId, cancel) is not var (_, found))
                return (null, null, $"There is no adapter '{adapterId}'. It may have been removed.");
            adapter = found;
        }
        else if (request.RunId is { } runId)
        {
            try
            {
                adapter = await AdapterAsync(runId, request.ModelId, cancel);
            }
            catch (PeftException e)
            {
                return (null, null, e.Message);
            }
        }

        return (GenerateSettings.Question(request, Ulid.NewUlid().ToString(), adapter), folder, null);
    }

    private static string? Refusal(GenerateRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Instruction) && string.IsNullOrWhiteSpace(request.Input))
            return "There is no question: instruction and input are both empty.";
        var problems = GenerateSettings.Problems(request);
        return problems.Count > 0 ? string.Join(" ", problems) : null;
    }

    private async Task<string?> AdapterAsync(string runId, string modelId, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var run = await db.Runs.AsNoTracking().SingleOrDefaultAsync(row => row.Id == runId, cancel) ?? throw new PeftException($"There is no run '{runId}'.");
        if (run.ModelId != modelId)
            throw new PeftException($"Run '{run.Name}' belongs to base model '{run.ModelName}', not to '{modelId}'.");
        if (run.PeftType == Methods.TrainingDefaults.Baseline)
            return null;
        if (run.PeftType == PretrainDraft.PeftType)
            throw new PeftException($"Run '{run.Name}' makes a base model and no adapter. Try the base itself.");
        var folder = data.Run(runId).Adapter;
        return Directory.Exists(folder) ? folder : throw new PeftException($"Run '{run.Name}' has no adapter yet: it is written when training ends or stops.");
    }
}
