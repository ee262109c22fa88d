using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>A draft made complete: the order for the trainer, and what lists show about it.</summary>
/// <param name="Request">What becomes <c>run.json</c>; paths relative to the data directory.</param>
/// <param name="Family">Family of the method.</param>
/// <param name="DatasetName">Name of the dataset at the time of the order.</param>
/// <param name="ModelName">Name of the base model at the time of the order.</param>
/// <param name="Command">The equivalent command line.</param>
public sealed record RunOrder(RunRequest Request, MethodFamily Family, string DatasetName, string ModelName, string Command);

/// <summary>Turns what a person filled in into a complete order: snapshot of the dataset, defaults of the method, validation.</summary>
public interface IRunRequestFactory
{
    /// <summary>Makes the order for a new run.</summary>
    /// <param name="id">Id of the new run.</param>
    /// <param name="draft">What the person filled in.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="Peft.Core.PeftException">The draft cannot be run; the message names the fields and what to do.</exception>
    Task<RunOrder> CreateAsync(string id, RunDraft draft, CancellationToken cancel);
}

/// <summary>Starting runs from code: the form, a duplicate, or a comparison that orders several.</summary>
public interface IRunStarter
{
    /// <summary>Writes the run directory and puts the run at the end of the queue.</summary>
    /// <exception cref="Peft.Core.PeftException">The draft cannot be run.</exception>
    Task<RunSummary> StartAsync(RunDraft draft, string? comparisonId, CancellationToken cancel);
}
