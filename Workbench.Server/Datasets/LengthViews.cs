using Microsoft.AspNetCore.Http.HttpResults;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using Workbench.Client.Contracts;
using Workbench.Server.Models;

namespace Workbench.Server.Datasets;

/// <summary>How long the training records of a dataset are, in tokens of a base model.</summary>
public static class LengthViews
{
    /// <summary>Records that are measured at most, spread over the dataset.</summary>
    public const int Sample = 4000;

    public static IEndpointRouteBuilder MapLengths(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Datasets + "/{id}/lengths", FindAsync).WithTags("Records").WithName("GetLengths")
            .WithSummary("How many training records have how many tokens for a base model");
        return routes;
    }

    private static async Task<Results<Ok<LengthCounts>, ProblemHttpResult>> FindAsync(
        string id, DatasetStore store, ModelStore models, TokenizerCache tokenizers, CancellationToken cancel, string? model = null)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        if (await TokenViews.ModelAsync(models, model, cancel) is not var (modelId, folder))
            return TypedResults.Problem($"There is no base model '{model}'. Ask {Routes.Models} for the list.", statusCode: StatusCodes.Status404NotFound);
        using var connection = store.File(id).Connect();
        var (count, kind) = (RecordQueries.Counts(connection).Train, RecordQueries.Kind(connection) ?? Client.Contracts.DatasetKind.Instruction);
        try
        {
            var (tokenizer, template) = tokenizers.Of(folder);
            var every = Math.Max(1, (count + Sample - 1) / Sample);
            var records = RecordQueries.All(connection, DatasetSplit.Train).Where((_, i) => i % every == 0).Select(row => TokenTexts.Read(kind, row)).ToArray();
            var lengths = new int[records.Length];
            Parallel.For(0, records.Length, new ParallelOptions { CancellationToken = cancel }, i => lengths[i] = Length(tokenizer, template, records[i]));
            var groups = lengths.CountBy(length => length).OrderBy(pair => pair.Key).ToArray();
            return TypedResults.Ok(new LengthCounts(modelId, count, records.Length, [.. groups.Select(pair => pair.Key)], [.. groups.Select(pair => pair.Value)], Positions(folder)));
        }
        catch (PeftException e)
        {
            return TypedResults.Problem(e.Message, statusCode: StatusCodes.Status400BadRequest);
        }
    }

    private static int Length(PretrainedTokenizer tokenizer, PromptTemplate template, IDataRecord record) => record is InstructionRecord or ChatRecord or TextRecord
        ? new ExampleEncoder(tokenizer, template, int.MaxValue).Encode(record, "record")!.Length
        : TokenTexts.Lay(tokenizer, record, int.MaxValue).Sum(piece => piece.Tokens.Count);

    private static int? Positions(string folder) => ModelRegistry.Find(ConfigReader.Open(folder)).Tasks is [var task, ..] && ModelConfig.Load(folder, task).MaxTokens is var most && most < int.MaxValue ? most : null;
}
