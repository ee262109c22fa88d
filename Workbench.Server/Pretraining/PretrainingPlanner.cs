using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Models;
using Workbench.Server.Models.Adding;
using Workbench.Server.Planning;
using Workbench.Server.Storage;

namespace Workbench.Server.Pretraining;

/// <summary>Looks at a draft of a pretraining without tensors and collects everything that is wrong with it at once.</summary>
internal sealed class PretrainingPlanner(IDbContextFactory<WorkbenchDb> databases, DataDirectory data, Machine machine, ModelJobs models)
{
    private readonly ConcurrentDictionary<(string Folder, DateTime Written, PretrainingObjective Objective), PretrainedTokenizer> _tokenizers = new();
    private readonly ConcurrentDictionary<(string Path, DateTime Written, string Field, int HeldOut), int> _documents = new();

    public async Task<PretrainingPlan> PlanAsync(PretrainDraft draft, CancellationToken cancel)
    {
        var layout = BaseLayout.Find(draft.Layout);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var tokenizer = await db.Models.AsNoTracking().SingleOrDefaultAsync(row => row.Id == draft.TokenizerModelId, cancel);
        var dataset = draft.DatasetId is { Length: > 0 } id ? await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel) : null;
        var problems = new List<DraftProblem>();
        var (arguments, training) = Training(draft, problems);
        var order = Order(draft, tokenizer);
        problems.AddRange(PretrainingChecks.Of(order).Select(problem => Error(problem.Field, "invalid_" + problem.Field, $"{problem.Field}: {problem.Message}")));
        var config = tokenizer is null ? null : Config(layout, order, data.Resolve(tokenizer.Path), problems);
        if (tokenizer is null)
            problems.Add(Error("tokenizer", "model_unknown", $"There is no base model '{draft.TokenizerModelId}'. Choose one of the list."));
        if (config is not null && PretrainingChecks.Length(layout, config, arguments) is { } tooLong)
            problems.Add(Error(tooLong.Field, "invalid_max_length", $"{tooLong.Field}: {tooLong.Message}"));
        if (config is not null && draft.TakeEmbeddings)
            CheckWidth(data.Resolve(tokenizer!.Path), config, problems);
        CheckName(draft, problems);
        if (machine.Refusal(draft.Device) is { } refusal)
            problems.Add(Error("device", "device_absent", refusal));
        if (draft.Threads is < 0 or > 1024)
            problems.Add(Error("threads", "out_of_range", $"threads must lie between 0 (all cores) and 1024, but is {draft.Threads}."));
        var (path, documents) = Corpus(draft, dataset, problems);
        return new PretrainingPlan
        {
            Draft = draft,
            Layout = layout,
            Config = config,
            Order = order,
            Arguments = arguments,
            Training = training,
            Tokenizer = tokenizer,
            Dataset = dataset,
            CorpusPath = path,
            Documents = documents,
            Problems = problems,
        };
    }

    private static (TrainingArguments Arguments, JsonObject Training) Training(PretrainDraft draft, List<DraftProblem> problems)
    {
        var training = PretrainingDefaults.Arguments.ToJson();
        foreach (var (name, value) in draft.Training)
        {
            if (!training.ContainsKey(name))
                problems.Add(Error(name, "unknown_option", $"{name} is no training argument."));
            else if (value.ValueKind is not (System.Text.Json.JsonValueKind.Null or System.Text.Json.JsonValueKind.Undefined))
                training[name] = JsonNode.Parse(value.GetRawText());
        }

        var (arguments, found) = TrainingChecks.Read(training, null);
        problems.AddRange(found);
        return (arguments, training);
    }

    private PretrainingOrder Order(PretrainDraft draft, ModelEntity? tokenizer)
    {
        var config = new JsonObject();
        foreach (var (name, value) in draft.Config)
            config[name] = JsonNode.Parse(value.GetRawText());
        config["model_type"] = draft.Layout;
        return new PretrainingOrder
        {
            Config = config,
            TextField = draft.TextField.Trim() is { Length: > 0 } field ? field : "text",
            NoiseDensity = draft.NoiseDensity,
            MeanSpanLength = draft.MeanSpanLength,
            Pack = draft.Pack,
            EvalDocuments = draft.EvalDocuments,
            InitEmbeddingsFrom = draft.TakeEmbeddings ? tokenizer?.Path : null,
            NeighbourStart = draft.StructuredStart,
            Output = Path.GetRelativePath(data.Root, Path.Combine(data.Models, draft.Name.Trim())).Replace('\\', '/'),
        };
    }

    private ModelConfig? Config(BaseLayout layout, PretrainingOrder order, string folder, List<DraftProblem> problems)
    {
        try
        {
            return layout.Complete(order.Config, Extended(folder, layout.Objective), "config").Config;
        }
        catch (PeftException refusal)
        {
            problems.Add(Error("config", "model_unusable", refusal.Message));
            return null;
        }
    }

    /// <summary>The tokenizer as the run will extend it; made once per tokenizer and objective, since it is asked for with every key stroke.</summary>
    private PretrainedTokenizer Extended(string folder, PretrainingObjective objective)
    {
        var file = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(file))
            throw new PeftException($"{folder} has no tokenizer.json, and only such a tokenizer can be extended. Choose another model.");
        return _tokenizers.GetOrAdd((folder, File.GetLastWriteTimeUtc(file), objective), key =>
        {
            var target = Path.Combine(data.Trash, $"tokenizer-{Ulid.NewUlid()}");
            try
            {
                return TokenizerExtension.Write(key.Folder, target, key.Objective, maxLength: 512);
            }
            finally
            {
                if (Directory.Exists(target))
                    Directory.Delete(target, recursive: true);
            }
        });
    }

    private static void CheckWidth(string folder, ModelConfig config, List<DraftProblem> problems)
    {
        try
        {
            var width = ModelConfig.Load(folder).HiddenSize;
            if (width != config.HiddenSize)
                problems.Add(Error("init_embeddings_from", "other_width", $"The embedding rows of that model have width {width}, the new base has {config.HiddenSize}. Choose the same width, or start from random rows."));
        }
        catch (PeftException refusal)
        {
            problems.Add(Error("init_embeddings_from", "model_unusable", refusal.Message));
        }
    }

    private void CheckName(PretrainDraft draft, List<DraftProblem> problems)
    {
        try
        {
            if (models.IsTaken(ModelNames.Check(draft.Name)))
                problems.Add(Error("name", "name_taken", $"There is a model '{draft.Name.Trim()}' already, or one is on its way. Choose another name."));
        }
        catch (PeftException refusal)
        {
            problems.Add(Error("name", "name_unusable", refusal.Message));
        }
    }

    private (string? Path, int? Documents) Corpus(PretrainDraft draft, DatasetEntity? dataset, List<DraftProblem> problems)
    {
        if (draft.CorpusPath?.Trim() is not { Length: > 0 } given)
        {
            if (dataset is null)
                problems.Add(Error("corpus", "corpus_missing", "Choose a dataset or a file to learn from."));
            else if (dataset.Train == 0)
                problems.Add(Error("corpus", "train_empty", $"Dataset '{dataset.Name}' has no training records. Split it, or move records to train."));
            return (null, dataset?.Train);
        }

        var path = data.Resolve(given);
        try
        {
            if (!Path.IsPathFullyQualified(given) && !path.StartsWith(data.Corpora + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new PeftException($"'{given}' is no complete path. Write it from the root, such as /home/me/texts/corpus.jsonl.gz.");
            if (!Path.Exists(path))
                throw new PeftException($"{path} does not exist on the machine that the workbench runs on, or may not be seen by it.");
            var key = (path, File.GetLastWriteTimeUtc(path), draft.TextField, draft.EvalDocuments);
            return (path, _documents.GetOrAdd(key, known => Peft.Core.Pretraining.Corpus.Read(known.Path, known.Field, Math.Max(0, known.HeldOut)).Documents.Count));
        }
        catch (PeftException refusal)
        {
            problems.Add(Error("corpus", "corpus_unreadable", refusal.Message));
            return (path, null);
        }
    }

    private static DraftProblem Error(string field, string code, string message) => new(field, "error", code, message);
}
