using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Methods.Full;
using Peft.Core.Models;
using Peft.Core.Pretraining.Objectives;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using TorchSharp;

namespace Peft.Core.Pretraining;

/// <summary>Everything that an order for a base names, read and checked, and the new model in memory.</summary>
internal sealed class PretrainingSetup : IDisposable
{
    private PretrainingSetup(BaseModel model, PeftAdapter weights) => (Model, Weights) = (model, weights);

    public BaseModel Model { get; }

    /// <summary>Every weight in fp32, which trains.</summary>
    public PeftAdapter Weights { get; }

    public required TrainingArguments Arguments { get; init; }

    public required BaseLayout Layout { get; init; }

    public required IObjective Objective { get; init; }

    /// <summary>The complete config.json.</summary>
    public required JsonObject Config { get; init; }

    public required PretrainedTokenizer Tokenizer { get; init; }

    /// <summary>Ids to learn from, a row each.</summary>
    public required IReadOnlyList<int[]> Rows { get; init; }

    /// <summary>Ids that only measure.</summary>
    public required IReadOnlyList<int[]> HeldOut { get; init; }

    public required int Documents { get; init; }

    public required string DataHash { get; init; }

    public required IReadOnlyList<PeftProblem> Warnings { get; init; }

    /// <summary>Reads and checks everything and makes the model.</summary>
    /// <param name="paths">The run directory, against which relative paths are resolved; the extended tokenizer is written into it.</param>
    /// <param name="request">The order.</param>
    /// <param name="tokenizerFolder">Where the extended tokenizer is written.</param>
    /// <exception cref="PeftException">Anything that stands in the way, with file, field and what to do.</exception>
    public static PretrainingSetup Open(RunPaths paths, RunRequest request, string tokenizerFolder)
    {
        var order = request.Pretraining ?? throw new PeftException($"{paths.Request}: field 'pretraining' is missing, which an order of kind pretrain needs.");
        TorchRuntime.Initialize(request.Threads);
        var device = TorchRuntime.ResolveDevice(request.Device);
        var layout = BaseLayout.Find(order.Config["model_type"]?.ToString());
        if (order.Objective is { } wanted && wanted != layout.Objective)
            throw new PeftException($"objective: a {layout.ModelType} base learns by {layout.Objective}, not by {wanted}.");
        var arguments = TrainingArguments.FromJson(request.Training, out var unreadable);
        var checkedArguments = TrainingArgumentsValidator.Validate(arguments);
        var problems = unreadable.Concat(checkedArguments.Problems).Concat(PretrainingChecks.Of(order)).ToList();
        if (problems.Count > 0)
            throw new PeftException(string.Join(Environment.NewLine, problems.Select(p => $"{p.Field}: {p.Message}")));

        var tokenizer = TokenizerExtension.Write(RunDirectory.Resolve(paths, request.BaseModel), tokenizerFolder, layout.Objective, arguments.MaxLength);
        var (json, config) = layout.Complete(order.Config, tokenizer, paths.Request);
        if (PretrainingChecks.Length(layout, config, arguments) is { } tooLong)
            throw new PeftException($"{tooLong.Field}: {tooLong.Message}");
        var corpus = Corpus.Read(RunDirectory.Resolve(paths, request.Dataset), order.TextField, order.EvalDocuments);
        var objective = ObjectiveOf(layout.Objective, order, tokenizer);
        var rows = TokenRows.Of(corpus.Documents, tokenizer, objective.Room(arguments.MaxLength), order.Pack);
        if (rows.Count == 0)
            throw new PeftException($"{request.Dataset}: no document has a token; there is nothing to learn from.");

        torch.manual_seed(arguments.Seed);
        using var fresh = new FreshWeights(config, json, order.NeighbourStart);
        fresh.ExpectFrequencies(rows);
        if (order.InitFrom is { } whole)
            fresh.TakeAll(RunDirectory.Resolve(paths, whole));
        else if (order.InitEmbeddingsFrom is { } embeddings)
            fresh.TakeEmbeddings(RunDirectory.Resolve(paths, embeddings), tokenizer);
        var model = BaseModel.Fresh(config, fresh.Draw, torch.ScalarType.Float32, device);
        try
        {
            return new PretrainingSetup(model, PeftMethods.Create(model, new FullConfig()))
            {
                Arguments = arguments,
                Layout = layout,
                Objective = objective,
                Config = json,
                Tokenizer = tokenizer,
                Rows = rows,
                HeldOut = TokenRows.Of(corpus.HeldOut, tokenizer, objective.Room(arguments.MaxLength), pack: false),
                Documents = corpus.Documents.Count,
                DataHash = Hash(rows),
                Warnings = checkedArguments.Warnings,
            };
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Weights.Dispose();
        Model.Dispose();
    }

    private static IObjective ObjectiveOf(PretrainingObjective objective, PretrainingOrder order, PretrainedTokenizer tokenizer)
    {
        int Id(string role) => tokenizer.Id(tokenizer.Config[role]!.GetValue<string>())!.Value;
        return objective switch
        {
            PretrainingObjective.MaskedLm => new MaskedLanguageModel(Id("cls_token"), Id("sep_token"), Id("mask_token"), tokenizer.VocabularySize, tokenizer.IsSpecial, order.NoiseDensity),
            PretrainingObjective.SpanCorruption => new SpanCorruption(
                [.. Enumerable.Range(0, TokenizerExtension.SentinelCount).Select(i => tokenizer.Id(TokenizerExtension.Sentinel(i))!.Value)], Id("eos_token"), order.NoiseDensity, order.MeanSpanLength),
            _ => new NextToken(Id("bos_token"), Id("eos_token")),
        };
    }

    private static string Hash(IReadOnlyList<int[]> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var row in rows)
        {
            hash.AppendData(BitConverter.GetBytes(row.Length));
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(row.AsSpan()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
