using Peft.Core.Models;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Storage;

namespace Workbench.Server.Pretraining;

/// <summary>A draft looked at from all sides: the order it would give, and everything that is wrong with it.</summary>
internal sealed record PretrainingPlan
{
    public required PretrainDraft Draft { get; init; }

    public required BaseLayout Layout { get; init; }

    /// <summary>The new base's config; null when something in the way of it is among the problems.</summary>
    public ModelConfig? Config { get; init; }

    public required PretrainingOrder Order { get; init; }

    public required TrainingArguments Arguments { get; init; }

    /// <summary>Complete arguments under Hugging Face names.</summary>
    public required System.Text.Json.Nodes.JsonObject Training { get; init; }

    public ModelEntity? Tokenizer { get; init; }

    public DatasetEntity? Dataset { get; init; }

    /// <summary>File or folder of the corpus; null for a dataset, which is frozen when the run is ordered.</summary>
    public string? CorpusPath { get; init; }

    /// <summary>Documents to learn from; null when the corpus could not be read.</summary>
    public int? Documents { get; init; }

    public required IReadOnlyList<DraftProblem> Problems { get; init; }

    public bool CanStart => Problems.All(problem => problem.Severity != "error");

    /// <summary>The corpus as lists of runs show it.</summary>
    public string CorpusName => Dataset?.Name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(CorpusPath ?? ""));
}
