namespace Peft.Core.Runs;

/// <summary>One line of <c>predictions/&lt;split&gt;.jsonl</c>: an answer beside its reference.</summary>
public sealed record RunPrediction
{
    /// <summary>Index of the record in its split, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The record's instruction.</summary>
    public string Instruction { get; init; } = "";

    /// <summary>The record's input.</summary>
    public string Input { get; init; } = "";

    /// <summary>The answer that was wanted.</summary>
    public required string Reference { get; init; }

    /// <summary>The answer that was generated.</summary>
    public required string Output { get; init; }

    /// <summary>Whether the answer is right by the task's own rule; absent in files of older versions.</summary>
    public bool? Exact { get; init; }
}
