using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Workbench.Server.Hosting;
using Workbench.Server.Planning;

namespace Workbench.Server.Pretraining;

/// <summary>The <c>peft pretrain</c> command that does what a draft does; what equals the defaults is left out.</summary>
internal static class PretrainingCommand
{
    public static string Of(PretrainingPlan plan, DataDirectory data)
    {
        var (order, standard) = (plan.Order, new PretrainingOrder { Config = [] });
        var tokenizer = plan.Tokenizer is { } model ? data.Resolve(model.Path) : plan.Draft.TokenizerModelId;
        var corpus = plan.CorpusPath ?? (plan.Dataset is { } dataset ? data.Resolve($"datasets/{dataset.Id}") : "corpus.jsonl");
        var words = new List<string> { "peft", "pretrain", "--layout", plan.Layout.ModelType, "--tokenizer", tokenizer, "--corpus", corpus, "--model", data.Resolve(order.Output!) };
        if (order.InitEmbeddingsFrom is { } rows)
            words.AddRange(["--init-embeddings-from", data.Resolve(rows)]);
        if (order.NeighbourStart)
            words.Add("--neighbour-start");
        if (order.Pack)
            words.Add("--pack");
        void Differs<T>(string name, T value, T usual)
        {
            if (!EqualityComparer<T>.Default.Equals(value, usual))
                words.AddRange(["--" + name, Convert.ToString(value, CultureInfo.InvariantCulture)!]);
        }

        Differs("text_field", order.TextField, standard.TextField);
        Differs("noise_density", order.NoiseDensity, standard.NoiseDensity);
        Differs("mean_span_length", order.MeanSpanLength, standard.MeanSpanLength);
        Differs("eval_documents", order.EvalDocuments, standard.EvalDocuments);
        var sizes = order.Config.Where(pair => pair.Key != "model_type").Select(pair => $"{pair.Key}={Text(pair.Value)}").ToArray();
        if (sizes.Length > 0)
            words.AddRange(["--config", .. sizes]);
        var defaults = PretrainingDefaults.Arguments.ToJson();
        foreach (var (name, value) in plan.Training.Where(pair => !JsonNode.DeepEquals(pair.Value, defaults[pair.Key])))
            words.AddRange(["--" + name, Text(value)]);
        Differs("device", plan.Draft.Device, "cpu");
        Differs("threads", plan.Draft.Threads, 0);
        return string.Join(' ', words.Select(CommandLine.Quote));
    }

    private static string Text(JsonNode? value) => value?.ToString() ?? "null";
}
