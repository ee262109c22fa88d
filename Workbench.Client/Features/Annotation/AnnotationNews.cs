using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Annotation;

/// <summary>What the script of the passage tells the page: always how things stand, and what is new where something is.</summary>
public sealed record AnnotationNews
{
    public NewsState State { get; init; } = new("open", "");

    /// <summary>Operations that the server does not have yet.</summary>
    public int Pending { get; init; }

    /// <summary>The server did not answer the last try.</summary>
    public bool Offline { get; init; }

    public bool CanUndo { get; init; }

    public bool CanRedo { get; init; }

    public int Spans { get; init; }

    public int Relations { get; init; }

    /// <summary><c>all</c>, <c>selected</c> or <c>none</c>.</summary>
    public string Arcs { get; init; } = "all";

    public bool List { get; init; }

    public bool Words { get; init; }

    /// <summary>What is being picked for a relation: <c>head</c>, <c>tail</c>, <c>type</c>; null for nothing.</summary>
    public string? Picking { get; init; }

    /// <summary>Suggestions that nobody has decided about.</summary>
    public int Suggested { get; init; }

    public bool AsksSuggestions { get; init; }

    public NewsRecord? View { get; init; }

    public AnnotatedTextsDto? Texts { get; init; }

    public AnnotationProgress? Progress { get; init; }

    /// <summary>A record that the page shall go to.</summary>
    public string? GoTo { get; init; }

    public bool AsksSkip { get; init; }

    /// <summary>Why the server refused an operation.</summary>
    public string? Refused { get; init; }

    /// <summary>Why a record could not be read.</summary>
    public string? Failure { get; init; }
}

public sealed record NewsState(string Name, string Reason);

public sealed record NewsRecord(string Record, int Number, int Total, string Split);
