using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>Writes an output for each input with an encoder-decoder: greedy, drawn or by beam search.</summary>
public static class Seq2SeqGenerator
{
    /// <summary>Generates for a batch of inputs.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Inputs [B, S].</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, S]; null means no padding.</param>
    /// <param name="options">How to choose tokens and when to stop.</param>
    /// <param name="onToken">As in <see cref="Generator.Generate"/>. May be null.</param>
    /// <param name="cancellation">Checked before every step.</param>
    /// <returns>New tokens per answer, the ending id included, without the start id.</returns>
    /// <exception cref="PeftException">Options that cannot work.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static long[][] Generate(
        EncoderDecoderModel model,
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
        EncoderDecoderModel model,
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
        var inputs = Generator.Rows(inputIds);
        var starts = inputs.Select(_ => new[] { (long)model.DecoderStartTokenId }).ToArray();
        using var scorer = new Seq2SeqScorer(model, inputIds, attentionMask, options.Room(1));
        return new SearchRequest(starts, inputs, options, model.Device, stop, onToken).Run(scorer, cancellation);
    }
}
