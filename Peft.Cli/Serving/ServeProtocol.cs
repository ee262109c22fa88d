using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Peft.Core.Data.Tasks;
using Peft.Core.Generation;
using Peft.Core.Training.Tasks;

namespace Peft.Cli.Serving;

/// <summary>One line from a client: a question and how to answer it, or the wish to stop answering one.</summary>
internal sealed record ServeRequest : AnswerSettings
{
    /// <summary>Chosen by the client; every reply carries it.</summary>
    public string? Id { get; init; }

    /// <summary>Id of the question that should be answered no further. Nothing else is read then.</summary>
    public string? Cancel { get; init; }

    /// <summary>Adapter folder; null = the base model alone.</summary>
    public string? Adapter { get; init; }

    public string? Instruction { get; init; }

    public string? Input { get; init; }

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}

/// <summary>One line to a client: <c>token</c> (a piece of text; a beam search sends one at its end), <c>done</c> (the whole answer), <c>cancelled</c> or <c>error</c>.</summary>
internal sealed record ServeReply(string? Id, string Kind, string? Text = null, int? Tokens = null, double? Seconds = null, string? Message = null)
{
    /// <summary>Classification: every label with its probability, most probable first (a number for regression).</summary>
    public IReadOnlyList<ServedLabel>? Labels { get; init; }

    /// <summary>Tagging: what was found in the input.</summary>
    public IReadOnlyList<EntitySpan>? Entities { get; init; }

    /// <summary>Question answering: what was found in the input.</summary>
    public FoundAnswer? Answer { get; init; }
}

/// <summary>A label with its probability, 0–1.</summary>
internal sealed record ServedLabel(string Label, double Probability);
