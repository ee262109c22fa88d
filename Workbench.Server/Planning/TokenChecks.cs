using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Models;

namespace Workbench.Server.Planning;

/// <summary>
/// Names tokens that the answers need but the base never learnt to write. With a frozen table no adapter inside the layers gets past them, so a
/// run would end with answers that lack them.
/// </summary>
public sealed class TokenChecks(DatasetStore datasets, DataDirectory data, TokenizerCache tokenizers)
{
    /// <summary>Training records whose answers are looked at, spread over the dataset.</summary>
    private const int Sample = 2000;

    private const int Named = 8;

    private readonly ConcurrentDictionary<(string Dataset, DateTimeOffset Updated, string Model), IReadOnlyList<(int Id, string Text)>> _known = [];

    /// <summary>What is to be said about a draft; nothing where there is nothing to write, or the table trains anyway.</summary>
    public async Task<IReadOnlyList<DraftProblem>> CheckAsync(RunPlan plan, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan is not { IsBaseline: false, Dataset: { Train: > 0 } dataset, Model: { } model, Config: { Task: ModelTask.CausalLm or ModelTask.Seq2SeqLm } config, Peft: { } peft })
            return [];
        var (table, head) = (config.EmbeddingPath + ".weight", config.TieWordEmbeddings || config.HeadPath is null ? null : config.HeadPath + ".weight");
        if (plan.Trained.Any(shape => shape.InBase && shape.Name.EndsWith(head ?? table, StringComparison.Ordinal)))
            return [];
        var key = (dataset.Id, dataset.UpdatedAt, model.Id);
        if (!_known.TryGetValue(key, out var found))
        {
            var folder = data.Resolve(model.Path);
            found = await Task.Run(() => Find(dataset.Id, folder, config, cancel), cancel);
            foreach (var old in _known.Keys.Where(other => other.Dataset == dataset.Id && other.Model == model.Id))
                _known.TryRemove(old, out _);
            _known[key] = found;
        }

        var trained = (peft as LoraConfig)?.TrainableTokenIndices ?? [];
        var left = head is null ? [.. found.Where(token => !trained.Contains(token.Id))] : found;
        return left.Count == 0 ? [] : [Problem(left, trained, head is null, config, plan)];
    }

    private static DraftProblem Problem(IReadOnlyList<(int Id, string Text)> tokens, IReadOnlyList<int> trained, bool tied, ModelConfig config, RunPlan plan)
    {
        var names = string.Join(" ", tokens.Take(Named).Select(token => $"'{token.Text}'")) + (tokens.Count > Named ? $" … ({tokens.Count})" : "");
        var options = PeftMethodRegistry.Find(plan.Draft.PeftType).Options.Select(option => option.Name).ToHashSet(StringComparer.Ordinal);
        var ids = string.Join(", ", trained.Concat(tokens.Select(token => token.Id)).Distinct().Order().Select(id => id.ToString(CultureInfo.InvariantCulture)));
        IReadOnlyList<DraftFix> fixes = tied && options.Contains("trainable_token_indices") ? [new DraftFix("trainable_token_indices", ids, "train_tokens")]
            : !tied && options.Contains("modules_to_save") ? [new DraftFix("modules_to_save", Modules(plan, config), "train_head")]
            : [];
        return new DraftProblem(
            "trainable_token_indices", "warning", "untrained_tokens",
            $"The answers need tokens that this base seems never to have learnt: {names}. It will hardly write them. Train their rows as well (LoRA), or write the answers without them.")
        {
            Fixes = fixes,
        };
    }

    private static string Modules(RunPlan plan, ModelConfig config)
    {
        var given = plan.Resolved.Peft["modules_to_save"] is JsonArray list ? list.Select(item => item?.ToString() ?? "") : [];
        return string.Join(", ", given.Append(config.HeadPath!.Split('.')[^1]).Distinct(StringComparer.Ordinal));
    }

    private IReadOnlyList<(int Id, string Text)> Find(string dataset, string folder, ModelConfig config, CancellationToken cancel)
    {
        try
        {
            var (tokenizer, template) = tokenizers.Of(folder);
            var encoder = new ExampleEncoder(tokenizer, template, int.MaxValue);
            var needed = new Dictionary<int, int>();
            foreach (var record in RecordSample.Of(datasets.File(dataset), Sample, cancel).Where(record => record is InstructionRecord or ChatRecord))
            {
                cancel.ThrowIfCancellationRequested();
                var example = encoder.Encode(record, "record")!;
                for (var t = 0; t < example.Length; t++)
                {
                    if (example.Learns(t))
                        needed[example.Ids[t]] = needed.GetValueOrDefault(example.Ids[t]) + 1;
                }
            }

            var untrained = UntrainedTokens.Find(folder, config, needed.Keys, cancel) ?? [];
            return [.. untrained.OrderByDescending(token => needed[token.Id]).Select(token => (token.Id, tokenizer.Decode([token.Id], skipSpecialTokens: false)))];
        }
        catch (PeftException)
        {
            return []; // what is wrong with base or tokenizer is said by the checks that load them
        }
    }
}
