using Microsoft.AspNetCore.Http.HttpResults;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Models;

namespace Workbench.Server.Datasets;

/// <summary>A record as the trainer will see it: every token, which of them carry loss, which are cut off.</summary>
public static class TokenViews
{
    public static IEndpointRouteBuilder MapTokens(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Datasets + "/{id}/records/{record}/tokens", FindAsync).WithTags("Records").WithName("GetTokens")
            .WithSummary("The tokens of a record for a base model: context, loss, and what max_length cuts off");
        return routes;
    }

    /// <summary>Lays out a record; what the trainer's encoder leaves out is marked as cut.</summary>
    /// <exception cref="PeftException">The policy says not to cut, and it does not fit.</exception>
    public static TokenView Of(string modelId, PretrainedTokenizer tokenizer, PromptTemplate template, IDataRecord record, int maxLength, CutPolicy policy = CutPolicy.KeepOutput, TrainOn trainOn = TrainOn.Answers)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(record);
        var pieces = record is InstructionRecord or ChatRecord or TextRecord
            ? new ExampleEncoder(tokenizer, template, maxLength, policy, trainOn).Lay(record, "record")
            : TokenTexts.Lay(tokenizer, record, maxLength);
        TokenDto[] tokens = [.. pieces.SelectMany(piece => Tokens(tokenizer, piece))];
        var all = pieces.SelectMany(piece => piece.Tokens).ToArray();
        var answer = all.Count(token => token.Learns);
        var cut = all.Count(token => !token.Kept);
        return new TokenView(modelId, all.Length - answer - CutAnswer(pieces), answer + CutAnswer(pieces), maxLength, cut, tokens);
    }

    private static async Task<Results<Ok<TokenView>, ProblemHttpResult>> FindAsync(
        string id, string record, DatasetStore store, ModelStore models, TokenizerCache tokenizers, CancellationToken cancel,
        string? model = null, int? maxLength = null, string? policy = null, string? trainOn = null)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        if (await ModelAsync(models, model, cancel) is not var (modelId, folder))
            return TypedResults.Problem($"There is no base model '{model}'. Ask {Routes.Models} for the list.", statusCode: StatusCodes.Status404NotFound);
        if (maxLength is < 1)
            return TypedResults.Problem($"maxLength is {maxLength}; it must be at least 1.", statusCode: StatusCodes.Status400BadRequest);
        using var connection = store.File(id).Connect();
        if (RecordQueries.Find(connection, record) is not { } found)
            return RecordEndpoints.NoRecord(record);
        var kind = RecordQueries.Kind(connection) ?? Client.Contracts.DatasetKind.Instruction;
        var (tokenizer, template) = tokenizers.Of(folder);
        try
        {
            return TypedResults.Ok(Of(
                modelId, tokenizer, template, TokenTexts.Read(kind, found), maxLength ?? new TrainingArguments().MaxLength,
                Choice(policy, CutPolicy.KeepOutput), Choice(trainOn, TrainOn.Answers)));
        }
        catch (PeftException e)
        {
            return TypedResults.Problem(e.Message, statusCode: StatusCodes.Status400BadRequest);
        }
    }

    /// <summary>The named model, or the first of the list when none is named.</summary>
    internal static async Task<(string Id, string Folder)?> ModelAsync(ModelStore models, string? model, CancellationToken cancel)
    {
        var id = model ?? (await models.ListAsync(cancel) is [var first, ..] ? first.Id : null);
        return id is not null && await models.FolderAsync(id, cancel) is { } folder ? (id, folder) : null;
    }

    /// <summary>A value as training arguments write it, e.g. <c>keep_output_left</c>.</summary>
    internal static T Choice<T>(string? text, T standard)
        where T : struct, Enum => Enum.TryParse<T>(text?.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var value) ? value : standard;

    private static int CutAnswer(IReadOnlyList<LaidPiece> pieces) =>
        pieces.Where(piece => piece.Tokens.Any(token => token.Learns)).Sum(piece => piece.Tokens.Count(token => !token.Kept));

    private static IEnumerable<TokenDto> Tokens(PretrainedTokenizer tokenizer, LaidPiece piece)
    {
        var (text, tokens) = (piece.Text, piece.Tokens);
        for (var first = 0; first < tokens.Count;)
        {
            // Tokens that share a character stand together; each shows the character and which part of it it is.
            var last = first;
            var end = tokens[first].Span.End;
            while (last + 1 < tokens.Count && tokens[last + 1].Span.Start < end)
                end = Math.Max(end, tokens[++last].Span.End);
            for (var i = first; i <= last; i++)
            {
                var (span, role) = (tokens[i].Span, !tokens[i].Kept ? TokenRole.Cut : tokens[i].Learns ? TokenRole.Loss : TokenRole.Context);
                var surface = text[span.Start..span.End];
                yield return new TokenDto(span.Id, last > first ? $"{surface} {i - first + 1}/{last - first + 1}" : surface, role, tokenizer.IsSpecial(span.Id));
            }

            first = last + 1;
        }
    }
}
