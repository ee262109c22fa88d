using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Pretraining;

/// <summary>Writes a new base as a Hugging Face folder: config, bfloat16 weights, tokenizer files, card. It exists completely or not at all.</summary>
internal static class BaseFolder
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the folder; an older one of the same name is replaced.</summary>
    /// <param name="target">The folder.</param>
    /// <param name="tokenizer">Folder of the extended tokenizer.</param>
    /// <param name="setup">Config and weights.</param>
    /// <param name="card">Text of README.md.</param>
    /// <exception cref="PeftException">The disk is full or refuses.</exception>
    public static void Write(string target, string tokenizer, PretrainingSetup setup, string card)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
        AtomicFolder.Write(target, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), setup.Config.ToJsonString(s_indented));
            if (setup.Layout.Objective != PretrainingObjective.MaskedLm)
                File.WriteAllText(Path.Combine(folder, "generation_config.json"), Generation(setup).ToJsonString(s_indented));
            foreach (var file in Directory.EnumerateFiles(tokenizer))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            File.WriteAllText(Path.Combine(folder, "README.md"), card);
            using var scope = NewDisposeScope();
            using var gradOff = no_grad();
            SafetensorsWriter.Write(
                Path.Combine(folder, "model.safetensors"),
                [.. setup.Model.Parameters.Select(parameter => new NamedParameter(parameter.Name, parameter.Value.to(ScalarType.BFloat16)))]);
        });
    }

    private static JsonObject Generation(PretrainingSetup setup)
    {
        var json = new JsonObject();
        foreach (var field in new[] { "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version" })
        {
            if (setup.Config[field] is { } value)
                json[field] = value.DeepClone();
        }

        return json;
    }
}
