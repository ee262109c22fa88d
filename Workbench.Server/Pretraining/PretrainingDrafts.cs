using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Pretraining;

/// <summary>From the order in a run directory back to what a person filled in.</summary>
internal static class PretrainingDrafts
{
    /// <summary>What the page of the run shows as its settings.</summary>
    public static RunDraft Settings(RunRequest request, string modelId, string datasetId)
    {
        var order = request.Pretraining!;
        var settings = Fields(order.Config);
        settings["noise_density"] = JsonSerializer.SerializeToElement(order.NoiseDensity);
        settings["mean_span_length"] = JsonSerializer.SerializeToElement(order.MeanSpanLength);
        settings["text_field"] = JsonSerializer.SerializeToElement(order.TextField);
        settings["pack"] = JsonSerializer.SerializeToElement(order.Pack);
        settings["eval_documents"] = JsonSerializer.SerializeToElement(order.EvalDocuments);
        settings["init_embeddings"] = JsonSerializer.SerializeToElement(order.InitEmbeddingsFrom is not null);
        settings["neighbour_start"] = JsonSerializer.SerializeToElement(order.NeighbourStart);
        return new RunDraft
        {
            Name = request.Name,
            DatasetId = datasetId,
            ModelId = modelId,
            PeftType = PretrainDraft.PeftType,
            TaskType = "",
            Peft = settings,
            Training = Fields(request.Training),
            Dtype = request.Dtype,
            Device = request.Device,
            Threads = request.Threads,
            TestRecords = 0,
        };
    }

    /// <summary>The same order once more, under a name that is still to be chosen.</summary>
    /// <param name="request">The order.</param>
    /// <param name="modelId">Its tokenizer's model.</param>
    /// <param name="datasetId">Its dataset; empty when the corpus is a file.</param>
    public static PretrainDraft Of(RunRequest request, string modelId, string datasetId)
    {
        var order = request.Pretraining!;
        var defaults = PretrainingDefaults.Arguments.ToJson();
        return new PretrainDraft
        {
            Name = request.Name,
            Layout = order.Config["model_type"]!.GetValue<string>(),
            Config = Fields(order.Config).Where(pair => pair.Key != "model_type").ToDictionary(),
            TokenizerModelId = modelId,
            DatasetId = datasetId.Length > 0 ? datasetId : null,
            CorpusPath = datasetId.Length > 0 ? null : request.Dataset,
            TextField = order.TextField,
            NoiseDensity = order.NoiseDensity,
            MeanSpanLength = order.MeanSpanLength,
            Pack = order.Pack,
            EvalDocuments = order.EvalDocuments,
            TakeEmbeddings = order.InitEmbeddingsFrom is not null,
            StructuredStart = order.NeighbourStart,
            Training = Fields(request.Training).Where(pair => !JsonNode.DeepEquals(JsonNode.Parse(pair.Value.GetRawText()), defaults[pair.Key])).ToDictionary(),
            Device = request.Device,
            Threads = request.Threads,
        };
    }

    private static Dictionary<string, JsonElement> Fields(JsonObject json) =>
        json.ToDictionary(field => field.Key, field => JsonSerializer.SerializeToElement(field.Value));
}
