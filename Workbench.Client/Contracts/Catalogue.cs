namespace Workbench.Client.Contracts;

/// <summary>Known base models and what this machine has for them.</summary>
/// <param name="MachineBytes">Memory that a process may take here.</param>
/// <param name="Entries">The models.</param>
public sealed record CatalogueDto(long MachineBytes, IReadOnlyList<CatalogueEntry> Entries);

/// <summary>
/// A base model as published. Position, attention, activation and norm are keys of texts. Memory is for training on one text of 512 tokens
/// at a time; null where the engine cannot say (an architecture that it does not compute).
/// </summary>
public sealed record CatalogueEntry(
    string Id,
    string Name,
    string Family,
    string Kind,
    string Date,
    string? Hub,
    string Licence,
    IReadOnlyList<string> Languages,
    bool Lecture,
    long Parameters,
    bool Rounded,
    string ModelType,
    bool Verified,
    string Position,
    string Attention,
    string Activation,
    string Norm,
    int Layers,
    int Heads,
    int HiddenSize,
    int Vocabulary,
    int Context,
    string Source,
    CatalogueMemory? Memory);

/// <summary>Bytes that training takes with each way of training.</summary>
public sealed record CatalogueMemory(long Full, long Lora, long Qlora);
