using Peft.Core.Models;

namespace Peft.Core.Pretraining.Objectives;

/// <summary>
/// Masked language modelling of BERT as RoBERTa has it, drawn anew at every visit: a share of the tokens is to be predicted; of those 80 %
/// are replaced by the mask, 10 % by any token, 10 % stay. https://arxiv.org/abs/1810.04805, https://arxiv.org/abs/1907.11692
/// </summary>
/// <param name="Front">Id in front of the text.</param>
/// <param name="Behind">Id behind it.</param>
/// <param name="Mask">Id of the mask.</param>
/// <param name="Vocabulary">Ids that may replace a token: 0 to this − 1, special ones left out.</param>
/// <param name="IsSpecial">Whether an id is never hidden and never a replacement.</param>
/// <param name="Density">Share that is to be predicted; at least one token is.</param>
public sealed record MaskedLanguageModel(int Front, int Behind, int Mask, int Vocabulary, Func<int, bool> IsSpecial, double Density) : IObjective
{
    /// <inheritdoc />
    public int Room(int maxLength) => maxLength - 2;

    /// <inheritdoc />
    public PretrainingExample Make(ReadOnlySpan<int> tokens, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        int[] input = [Front, .. tokens, Behind];
        var labels = new int[input.Length];
        Array.Fill(labels, (int)CausalLoss.Ignored);
        var possible = Enumerable.Range(1, tokens.Length).Where(i => !IsSpecial(input[i])).ToArray();
        if (possible.Length == 0)
            return new PretrainingExample(input, labels);
        random.Shuffle(possible);
        var wanted = possible.Length * Density;
        var count = Math.Max(1, (int)wanted + (random.NextDouble() < wanted - Math.Floor(wanted) ? 1 : 0));
        foreach (var place in possible.AsSpan(0, Math.Min(count, possible.Length)))
        {
            labels[place] = input[place];
            input[place] = random.NextDouble() switch
            {
                < 0.8 => Mask,
                < 0.9 => Any(random),
                _ => input[place],
            };
        }

        return new PretrainingExample(input, labels);
    }

    private int Any(Random random)
    {
        while (true)
        {
            var id = random.Next(Vocabulary);
            if (!IsSpecial(id))
                return id;
        }
    }
}
