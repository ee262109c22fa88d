namespace Workbench.Client.Contracts;

/// <summary>Where a model lies, which decides what removing it means.</summary>
public enum ModelPlace
{
    /// <summary>Under models/ of the data directory: removing deletes it.</summary>
    Data,

    /// <summary>Came with the workbench; cannot be removed.</summary>
    Sample,

    /// <summary>Used where it lies: removing only forgets it.</summary>
    InPlace,
}

/// <summary>The hubs that models can be downloaded from.</summary>
/// <param name="Endpoint">The one that the setting <c>Workbench:HubEndpoint</c> names.</param>
/// <param name="Presets">Well-known ones.</param>
/// <param name="WithToken">Those that an access token is kept for; the tokens themselves are never sent.</param>
public sealed record HubSettings(string Endpoint, IReadOnlyList<HubPreset> Presets, IReadOnlyList<string> WithToken);

public sealed record HubPreset(string Name, string Endpoint);

/// <summary>An access token for one hub: kept in memory, or in a file that only the server's user can read.</summary>
public sealed record HubToken(string Endpoint, string Token, bool Remember);

/// <summary>A model on a hub: what a plan is asked for, and what a download is ordered with.</summary>
public sealed record HubOrder
{
    /// <summary>The hub; empty takes the setting's.</summary>
    public string Endpoint { get; init; } = "";

    /// <summary>Owner and name, or the address of the model's page.</summary>
    public required string Id { get; init; }

    public string? Revision { get; init; }

    /// <summary><c>safetensors</c>, <c>bin</c> or the name of a GGUF file; empty takes the best.</summary>
    public string? Weights { get; init; }

    /// <summary>Name that the model gets here; empty takes the plan's.</summary>
    public string Name { get; init; } = "";
}

/// <summary>A folder or GGUF file of this machine, to be used where it lies.</summary>
public sealed record LocalModel(string Path, string Name = "");

/// <summary>Files that a browser is about to send.</summary>
/// <param name="Name">Name that the model gets here.</param>
/// <param name="Files">Paths relative to the folder, and sizes.</param>
/// <param name="ConfigJson">Content of config.json, for the plan.</param>
/// <param name="Weights">As in <see cref="HubOrder.Weights"/>, for the plan.</param>
public sealed record UploadOrder(string Name, IReadOnlyList<ModelFile> Files, string? ConfigJson = null, string? Weights = null);

public sealed record ModelFile(string Path, long Size);

/// <summary>Weights to choose from.</summary>
public sealed record WeightsChoice(string Name, long Bytes);

/// <summary>What adding a model amounts to, before a byte of its weights is moved.</summary>
public sealed record ModelPlan
{
    /// <summary>Id at the hub, or the path.</summary>
    public required string Source { get; init; }

    /// <summary>A free name for it here.</summary>
    public required string Name { get; init; }

    public string? Endpoint { get; init; }
    public string? Revision { get; init; }
    public bool Gated { get; init; }
    public IReadOnlyList<ModelFile> Files { get; init; } = [];
    public IReadOnlyList<WeightsChoice> Choices { get; init; } = [];
    public string? Weights { get; init; }
    public long Bytes { get; init; }

    /// <summary>Free on the disk that it would lie on.</summary>
    public long FreeBytes { get; init; }

    public string ModelType { get; init; } = "";

    /// <summary>What the engine makes of it; null where it cannot.</summary>
    public ModelNeeds? Needs { get; init; }

    /// <summary>Why it cannot be used; null when nothing speaks against it.</summary>
    public string? Problem { get; init; }

    /// <summary>What is worth knowing and keeps nobody from using it.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>What training takes on this machine, from the config alone: one text of 512 tokens at a time.</summary>
public sealed record ModelNeeds(
    long Parameters, string Dtype, int Layers, int HiddenSize, int Vocabulary, int Context, long MachineBytes, CatalogueMemory Memory, IReadOnlyList<MethodNeed> Methods);

/// <summary>One method with the workbench's defaults; a problem says why these do not apply to the model.</summary>
public sealed record MethodNeed(string PeftType, string DisplayName, MethodFamily Family, long Trainable, long Bytes, string? Problem);

public enum ModelJobKind
{
    Download,
    Upload,
}

public enum ModelJobState
{
    Waiting,
    Running,
    Checking,
    Paused,
    Failed,
    Done,
}

/// <summary>A model on its way here.</summary>
public sealed record ModelJob
{
    public required string Id { get; init; }
    public required ModelJobKind Kind { get; init; }
    public required ModelJobState State { get; init; }
    public required string Name { get; init; }

    /// <summary>Id at the hub; empty for an upload.</summary>
    public string Source { get; init; } = "";

    public string Endpoint { get; init; } = "";
    public long TotalBytes { get; init; }
    public long DoneBytes { get; init; }
    public double BytesPerSecond { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Message { get; init; }

    /// <summary>The hub asks for a token, or for another one.</summary>
    public bool NeedsToken { get; init; }

    /// <summary>Everything is here, but the check found a reason why the engine cannot use it; it can be kept nevertheless.</summary>
    public bool CanKeep { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>An upload as it stands: how much of each file is here.</summary>
public sealed record UploadState(ModelJob Job, IReadOnlyList<ModelFile> Received);
