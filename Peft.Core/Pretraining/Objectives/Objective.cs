namespace Peft.Core.Pretraining.Objectives;

/// <summary>A row to learn from.</summary>
/// <param name="Input">Token ids that the model is given.</param>
/// <param name="Labels">
/// Token ids that it is to predict: one per input token, −100 where nothing is wanted; for an encoder-decoder what the decoder writes.
/// </param>
public readonly record struct PretrainingExample(int[] Input, int[] Labels);

/// <summary>Turns documents into rows to learn from. It has no state: the same tokens and the same random numbers give the same row.</summary>
public interface IObjective
{
    /// <summary>Tokens of a document that fit into a row of <paramref name="maxLength"/>.</summary>
    int Room(int maxLength);

    /// <summary>Makes a row.</summary>
    /// <param name="tokens">Ids of a document, without anything around it.</param>
    /// <param name="random">Where chance comes from.</param>
    PretrainingExample Make(ReadOnlySpan<int> tokens, Random random);
}
