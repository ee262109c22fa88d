using Microsoft.AspNetCore.Http.HttpResults;
using Peft.Core.Data;
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

    /// <summary>Lays out prompt and answer; what the trainer's encoder leaves out is marked as cut.</summary>
    public static TokenView Of(string modelId, PretrainedTokenizer tokenizer, PromptTemplate template, InstructionRecord record, int maxLength)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(record);
        var (promptText, answerText) = (template.Prompt(record), template.Answer(record.Output));
        var (prompt, answer) = (tokenizer.EncodeWithOffsets(promptText), tokenizer.EncodeWithOffsets(answerText));
        var example = new ExampleEncoder(tokenizer, template, maxLength, CutPolicy.KeepOutput).Encode(record, "record")!;
        var kept = example.Ids.AsSpan();
        TokenDto[] tokens =
        [
            .. Tokens(tokenizer, promptText, prompt, Kept(prompt, kept[..example.PromptLength]), TokenRole.Context),
            .. Tokens(tokenizer, answerText, answer, Kept(answer, kept[example.PromptLength..]), TokenRole.Loss),
        ];
        return new TokenView(modelId, prompt.Count, answer.Count, maxLength, example.CutTokens, tokens);
    }

    private static async Task<Results<Ok<TokenView>, ProblemHttpResult>> FindAsync(
        string id, string record, DatasetStore store, ModelStore models, TokenizerCache tokenizers, CancellationToken cancel, string? model = null, int? maxLength = null)
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
        var (tokenizer, template) = tokenizers.Of(folder);
        return TypedResults.Ok(Of(modelId, tokenizer, template, new InstructionRecord(found.Instruction, found.Input, found.Output), maxLength ?? new TrainingArguments().MaxLength));
    }

    /// <summary>The named model, or the first of the list when none is named.</summary>
    private static async Task<(string Id, string Folder)?> ModelAsync(ModelStore models, string? model, CancellationToken cancel)
    {
        var id = model ?? (await models.ListAsync(cancel) is [var first, ..] ? first.Id : null);
        return id is not null && await models.FolderAsync(id, cancel) is { } folder ? (id, folder) : null;
    }

    /// <summary>How many tokens stay at the beginning and at the end; an encoder takes out one stretch at most.</summary>
    private static (int Head, int Tail) Kept(IReadOnlyList<TokenSpan> all, ReadOnlySpan<int> kept)
    {
        var head = 0;
        while (head < kept.Length && all[head].Id == kept[head])
            head++;
        return (head, kept.Length - head);
    }

    private static IEnumerable<TokenDto> Tokens(PretrainedTokenizer tokenizer, string text, IReadOnlyList<TokenSpan> spans, (int Head, int Tail) kept, TokenRole role)
    {
        for (var first = 0; first < spans.Count;)
        {
            // Tokens that share a character stand together; each shows the character and which part of it it is.
            var last = first;
            var end = spans[first].End;
            while (last + 1 < spans.Count && spans[last + 1].Start < end)
                end = Math.Max(end, spans[++last].End);
            for (var i = first; i <= last; i++)
            {
                var cut = i >= kept.Head && i < spans.Count - kept.Tail;
                var surface = text[spans[i].Start..spans[i].End];
                yield return new TokenDto(
                    spans[i].Id, last > first ? $"{surface} {i - first + 1}/{last - first + 1}" : surface, cut ? TokenRole.Cut : role, tokenizer.IsSpecial(spans[i].Id));
            }

            first = last + 1;
        }
    }
}
