using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// Writes a base model, with whatever was merged into it, as a Hugging Face folder: weights (in shards when they are large), config and
/// tokenizer. Matrices in 4 bits are written as bitsandbytes writes them.
/// </summary>
public static class ModelFolderWriter
{
    /// <summary>Size of a shard in bytes, as Hugging Face's.</summary>
    public const long UsualShard = 5L << 30;

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the folder. Weights keep the type they compute in.</summary>
    /// <param name="model">The model; its folder gives config and tokenizer.</param>
    /// <param name="folder">Target; must not hold weights yet.</param>
    /// <param name="shardBytes">Largest size of a file of weights.</param>
    /// <exception cref="PeftException">The folder holds weights already, or cannot be written.</exception>
    public static void Write(BaseModel model, string folder, long shardBytes = UsualShard)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.safetensors").Any())
            throw new PeftException($"{folder}: holds weights already; choose another folder, nothing is overwritten.");
        if (!File.Exists(Path.Combine(model.Folder, "config.json")))
            throw new PeftException($"{model.Folder}: has no config.json to go with the weights; only a base in a Hugging Face folder can be written anew.");
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        try
        {
            Directory.CreateDirectory(folder);
            CopyBeside(model.Folder, folder);
            var tensors = model.Parameters.SelectMany(p => Tensors(p == Shared(model) ? model.Embedding.WeightParameter : p, p.Name)).ToList();
            if (HeadTrainedApart(model))
                tensors.AddRange(Tensors(model.Head!.WeightParameter, model.Config.HeadPath + ".weight"));
            WriteWeights(tensors, folder, shardBytes);
            WriteConfig(model, folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{folder}: the model cannot be written: {error.Message}", error);
        }
    }

    private static IEnumerable<NamedParameter> Tensors(ModelParameter parameter, string name) =>
        parameter.Quantized is { } quantized ? quantized.Tensor.Named(name) : [new NamedParameter(name, parameter.Value)];

    /// <summary>The parameter that a tied embedding and head share in the files, or null.</summary>
    private static ModelParameter? Shared(BaseModel model) =>
        model.Config.HeadIsTied ? model.Parameters.FirstOrDefault(p => p.Name == model.Config.EmbeddingPath + ".weight") : null;

    private static bool HeadTrainedApart(BaseModel model) =>
        model.Config.HeadIsTied && model.Head is { } head && head.WeightParameter != model.Embedding.WeightParameter;

    private static void WriteWeights(List<NamedParameter> tensors, string folder, long shardBytes)
    {
        var shards = new List<List<NamedParameter>> { new() };
        var filled = 0L;
        foreach (var tensor in tensors)
        {
            var bytes = Bytes(tensor);
            if (filled > 0 && filled + bytes > shardBytes)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(tensor);
            filled += bytes;
        }

        if (shards.Count == 1)
        {
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), shards[0]);
            return;
        }

        var map = new JsonObject();
        for (var i = 0; i < shards.Count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            SafetensorsWriter.Write(Path.Combine(folder, name), shards[i]);
            foreach (var tensor in shards[i])
                map[tensor.Name] = name;
        }

        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = tensors.Sum(Bytes) }, ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString(s_json));
    }

    private static void WriteConfig(BaseModel model, string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(model.Folder, "config.json")))!.AsObject();
        config.Remove("quantization_config");
        if (HeadTrainedApart(model))
            config["tie_word_embeddings"] = false;
        config[config.ContainsKey("torch_dtype") ? "torch_dtype" : "dtype"] = DTypes.Name(model.DType);
        if (model.Quantization is { } quantization && model.Parameters.Any(p => p.Quantized is not null))
            config["quantization_config"] = quantization.Config.ToCheckpointJson();
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString(s_json));
    }

    /// <summary>Tokenizer, generation settings and licence come along; weights and their indices do not.</summary>
    private static void CopyBeside(string source, string target)
    {
        foreach (var file in Directory.EnumerateFiles(source))
        {
            var name = Path.GetFileName(file);
            var isWeights = name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal)
                || name.EndsWith(".index.json", StringComparison.Ordinal) || name.EndsWith(".pt", StringComparison.Ordinal)
                || name.EndsWith(".pth", StringComparison.Ordinal) || name.EndsWith(".gguf", StringComparison.Ordinal);
            if (!isWeights && name != "config.json")
                File.Copy(file, Path.Combine(target, name), overwrite: true);
        }
    }

    private static long Bytes(NamedParameter tensor) => tensor.Tensor.numel() * DTypes.Size(tensor.Tensor.dtype);
}
