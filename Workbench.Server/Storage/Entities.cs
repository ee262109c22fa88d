using Workbench.Client.Contracts;

namespace Workbench.Server.Storage;

/// <summary>A piece of work: a dataset and a base model that belong together.</summary>
public sealed class ProjectEntity
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string DatasetId { get; set; } = "";
    public string ModelId { get; set; } = "";
    public bool IsSample { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}

/// <summary>A registered dataset; its records lie in the dataset's own working file.</summary>
public sealed class DatasetEntity
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string Description { get; set; } = "";
    public bool IsSample { get; set; }
    public int Train { get; set; }
    public int Dev { get; set; }
    public int Test { get; set; }
    public int Problems { get; set; }
    public DatasetKind Kind { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}

/// <summary>An immutable state of a dataset that runs train on.</summary>
public sealed class SnapshotEntity
{
    public required string DatasetId { get; set; }
    public required string Hash { get; set; }

    /// <summary>Folder relative to the data directory.</summary>
    public required string Path { get; set; }

    public int Train { get; set; }
    public int Dev { get; set; }
    public int Test { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}

/// <summary>A registered base model.</summary>
public sealed class ModelEntity
{
    public required string Id { get; set; }
    public required string Name { get; set; }

    /// <summary>Hugging Face folder: relative to the data directory, or absolute when the model is used where it lies.</summary>
    public required string Path { get; set; }

    public string Architecture { get; set; } = "";
    public long Parameters { get; set; }
    public string Dtype { get; set; } = "";
    public long Bytes { get; set; }
    public bool IsSample { get; set; }
    public string License { get; set; } = "";

    /// <summary>Language codes, separated by commas.</summary>
    public string Languages { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}

/// <summary>Runs that were started together to be compared.</summary>
public sealed class ComparisonEntity
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string DatasetId { get; set; } = "";
    public string ModelId { get; set; } = "";
    public double? EstimatedSeconds { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}

/// <summary>A person who works here. Until there are accounts there is one, the local profile.</summary>
public sealed class PersonEntity
{
    public required string Id { get; set; }
    public required string DisplayName { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>
/// What only the server knows about a run (name, notes, place in the queue), and a cache of what its directory says, so that a list of a
/// thousand runs does not read a thousand logs. The run directory is the truth: the cache may be dropped and is rebuilt from the events.
/// </summary>
public sealed class RunEntity
{
    public required string Id { get; set; }
    public required string Name { get; set; }
    public string Notes { get; set; } = "";
    public string PeftType { get; set; } = "";
    public MethodFamily Family { get; set; }
    public string DatasetId { get; set; } = "";
    public string DatasetName { get; set; } = "";
    public string ModelId { get; set; } = "";
    public string ModelName { get; set; } = "";
    public string? ComparisonId { get; set; }

    /// <summary>The draft that the run was ordered with, as web JSON.</summary>
    public string DraftJson { get; set; } = "";

    /// <summary>The equivalent command line.</summary>
    public string Command { get; set; } = "";

    public RunState State { get; set; }

    /// <summary>Why it is in this state, where there is something to say.</summary>
    public string? Message { get; set; }

    /// <summary>Index into the palette; stays with the run for its life.</summary>
    public int Color { get; set; }

    /// <summary>Grows with every entry into the queue; the smallest is next. Null when the run does not wait.</summary>
    public long? QueueTicket { get; set; }

    /// <summary>The server that may start and command this run, until <see cref="LeasedUntil"/>.</summary>
    public string? LeaseOwner { get; set; }

    /// <summary>Grows with every lease. A write that carries an older one comes from a server that has lost the run, and is refused.</summary>
    public long LeaseToken { get; set; }

    public DateTimeOffset? LeasedUntil { get; set; }

    /// <summary>What the events say so far, as JSON, and how far they were read.</summary>
    public string? ProjectionJson { get; set; }

    public long LastSeq { get; set; }
    public long EventOffset { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public string CreatedBy { get; set; } = "";
}
