using System.Text.Json.Serialization;
using Peft.Core.Generation;

namespace Workbench.Server.Playground;

/// <summary>A question to <c>peft serve</c>, one JSON object on a line.</summary>
public sealed record ServeQuestion : AnswerSettings
{
    public required string Id { get; init; }

    /// <summary>Folder of the adapter; null asks the base alone.</summary>
    public string? Adapter { get; init; }

    public required string Instruction { get; init; }

    public required string Input { get; init; }
}

/// <summary>Takes a question back; its answer ends.</summary>
public sealed record ServeCancel([property: JsonPropertyName("cancel")] string Id);

/// <summary>A line of an answer: <c>token</c> with a piece of text, <c>done</c> with all of it, <c>error</c> or <c>cancelled</c>.</summary>
public sealed record ServeAnswer
{
    public string? Id { get; init; }

    public string Kind { get; init; } = "";

    public string? Text { get; init; }

    public int Tokens { get; init; }

    public double Seconds { get; init; }

    public string? Message { get; init; }

    [JsonIgnore]
    public bool IsLast => Kind is "done" or "error" or "cancelled";
}
