using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>Writes on from prompts with a decoder: greedy, drawn or by beam search.</summary>
public static class Generator
{
    /// <summary>Generates for a batch of prompts.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Prompts [B, T], shorter ones padded on the left.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, T]; null means no padding.</param>
    /// <param name="options">How to choose tokens and when to stop.</param>
    /// <param name="onToken">
    /// Called after every step with one id per answer; −1 for those that have ended. A beam search decides only at its end what it has
    /// written, and never calls it. May be null.
    /// </param>
    /// <param name="cancellation">Checked before every step; what has been generated until then is lost.</param>
    /// <returns>New tokens per answer, the ending id included, without prompt and padding.</returns>
    /// <exception cref="PeftException">Options that cannot work, an empty prompt, or padding behind a text.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static long[][] Generate(
        CausalLanguageModel model,
        Tensor inputIds,
        Tensor? attentionMask,
        GenerationOptions options,
        Action<long[]>? onToken = null,
        CancellationToken cancellation = default) => Search(model, inputIds, attentionMask, options, onToken, null, cancellation).Sequences;

    /// <summary>As <see cref="Generate"/>, with the scores of a beam search, and with a further reason to end a row.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">As there.</param>
    /// <param name="attentionMask">As there.</param>
    /// <param name="options">How to choose tokens and when to stop.</param>
    /// <param name="onToken">As there.</param>
    /// <param name="stop">Ends a row beside its last id and its length, e.g. <see cref="StopStrings"/>; may be null.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <exception cref="PeftException">As there.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static GenerationResult Search(
        CausalLanguageModel model,
        Tensor inputIds,
        Tensor? attentionMask,
        GenerationOptions options,
        Action<long[]>? onToken = null,
        IStopCondition? stop = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputIds);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (inputIds.shape[0] == 0)
            return new GenerationResult([], null);
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        var prompts = Rows(inputIds);
        using var scorer = new CausalScorer(model, inputIds, attentionMask, options);
        return new SearchRequest(prompts, prompts, options, model.Device, stop, onToken).Run(scorer, cancellation);
    }

    /// <summary>The rows of [B, T] as numbers.</summary>
    internal static long[][] Rows(Tensor ids)
    {
        using var cpu = ids.to(ScalarType.Int64, CPU);
        using var contiguous = cpu.contiguous();
        return [.. contiguous.data<long>().ToArray().Chunk((int)ids.shape[1])];
    }
}
