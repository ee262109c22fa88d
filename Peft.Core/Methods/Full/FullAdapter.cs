using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Full;

/// <summary>
/// Full fine-tuning: a float32 copy of every parameter computes and trains in place of the base's. Saved as a whole Hugging Face model,
/// with the base's config and tokenizer beside the weights.
/// </summary>
internal sealed class FullAdapter : PeftAdapter
{
    private const string WeightsFile = "model.safetensors";

    private static readonly string[] Companions =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    ];

    private readonly TrainedBaseParameters parameters = new();

    private FullAdapter(BaseModel model, FullConfig config, bool train)
        : base(model, config)
    {
        using var gradOff = no_grad();
        foreach (var parameter in model.Parameters)
            parameters.Add(parameter.Name, parameter, train);
        Trainable = [.. parameters.Trainable];
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static FullAdapter Create(BaseModel model, FullConfig config) => Path.GetExtension(model.Folder).Equals(".gguf", StringComparison.OrdinalIgnoreCase)
        || (model.Folder.Length > 0 && !File.Exists(Path.Combine(model.Folder, Companions[0])))
        ? throw new PeftException($"{model.Folder}: the result of training in full is a folder with the base's config.json and tokenizer.json, which a GGUF file has not. Choose another method, or a base in a Hugging Face folder.")
        : new FullAdapter(model, config, train: true);

    public static FullAdapter Load(BaseModel model, FullConfig config, string folder)
    {
        using var file = AdapterFile.Open(folder, WeightsFile);
        var adapter = new FullAdapter(model, config, train: false);
        try
        {
            foreach (var (name, tensor) in adapter.Trainable)
                file.CopyInto(tensor, name);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    protected override void Attach() => parameters.Attach();

    protected override void Remove() => parameters.Remove();

    protected override void Free() => parameters.Dispose();

    protected override void SaveWeights(string folder)
    {
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
        foreach (var name in Companions)
        {
            var source = Path.Combine(Model.Folder, name);
            if (File.Exists(source) && Path.GetFullPath(source) != Path.GetFullPath(Path.Combine(folder, name)))
                File.Copy(source, Path.Combine(folder, name), overwrite: true);
        }

        if (Model.Config.Labels is { } labels)
            NameLabels(Path.Combine(folder, "config.json"), labels);
    }

    /// <summary>A head with labels of its own is told in the model's config.</summary>
    private void NameLabels(string file, IReadOnlyList<string> labels)
    {
        var config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config.Remove("num_labels");
        config["id2label"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create(i.ToString(CultureInfo.InvariantCulture), (JsonNode?)label)));
        config["label2id"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create(label, (JsonNode?)i)));
        if (Model.Config.ProblemType is { } kind)
            config["problem_type"] = kind;
        File.WriteAllText(file, config.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }
}
