namespace Peft.Core.Generation;

/// <summary>How text is generated. Names and defaults follow Hugging Face's generation config.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens generated per row at most.</summary>
    public int MaxNewTokens { get; init; } = 100;

    /// <summary>False takes the most likely token every time; true draws.</summary>
    public bool DoSample { get; init; }

    /// <summary>Divides the scores before drawing: below 1 bolder towards the likely, above 1 more varied.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among the k most likely tokens only (ties at the border stay in); 0 means all.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Draw among the most likely tokens that together reach this probability; 1 means all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of the draws; null takes the tensor library's global generator.</summary>
    public long? Seed { get; init; }

    /// <summary>Ids that end a row; the ending id is part of the result.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>
    /// With a prefix attached, let the padding in front of a short prompt count as positions, as PEFT's <c>generate</c> does: the same
    /// prompt then answers differently beside a longer one. False gives every row the positions it was trained at.
    /// </summary>
    public bool PadsCountBehindPrefix { get; init; }

    /// <summary>Checks the settings.</summary>
    /// <exception cref="PeftException">A value that cannot work; all of them are named.</exception>
    public void Validate()
    {
        var problems = new List<string>();
        if (MaxNewTokens < 1)
            problems.Add($"max_new_tokens must be at least 1, but is {MaxNewTokens}.");
        if (DoSample && !(Temperature > 0 && double.IsFinite(Temperature)))
            problems.Add($"temperature must be a number above 0, but is {Temperature}.");
        if (TopK < 0)
            problems.Add($"top_k must be 0 or more, but is {TopK}.");
        if (!(TopP > 0 && TopP <= 1))
            problems.Add($"top_p must be above 0 and at most 1, but is {TopP}.");
        if (problems.Count > 0)
            throw new PeftException(string.Join(" ", problems));
    }
}
