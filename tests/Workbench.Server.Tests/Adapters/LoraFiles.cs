using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Workbench.Server.Tests.Adapters;

/// <summary>Makes LoRA adapters for the sample base as another library would have saved them, without a tensor library.</summary>
internal static class LoraFiles
{
    private const int Layers = 8;
    private const int Width = 256;

    /// <summary>The files of an adapter on the queries of every layer.</summary>
    public static Dictionary<string, byte[]> Files(int rank, int seed, string initialization = "true", int width = Width) => new()
    {
        ["adapter_config.json"] = Encoding.UTF8.GetBytes(new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = "CAUSAL_LM",
            ["base_model_name_or_path"] = "elsewhere/mini-llama",
            ["r"] = rank,
            ["lora_alpha"] = 2 * rank,
            ["target_modules"] = new JsonArray("q_proj"),
            ["init_lora_weights"] = initialization == "true" ? JsonValue.Create(true) : JsonValue.Create(initialization),
        }.ToJsonString()),
        ["adapter_model.safetensors"] = Weights(rank, seed, width),
    };

    public static byte[] Zip(Dictionary<string, byte[]> files, string folder = "")
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                using var entry = archive.CreateEntry(folder + name).Open();
                entry.Write(content);
            }
        }

        return memory.ToArray();
    }

    private static byte[] Weights(int rank, int seed, int width)
    {
        var random = new Random(seed);
        var header = new JsonObject();
        var data = new List<float>();
        void Add(string name, int rows, int columns)
        {
            var start = data.Count * sizeof(float);
            for (var i = 0; i < rows * columns; i++)
                data.Add((float)((random.NextDouble() - 0.5) * 0.02));
            header[name] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(rows, columns), ["data_offsets"] = new JsonArray(start, data.Count * sizeof(float)) };
        }

        for (var layer = 0; layer < Layers; layer++)
        {
            var root = string.Create(CultureInfo.InvariantCulture, $"base_model.model.model.layers.{layer}.self_attn.q_proj.");
            Add(root + "lora_A.weight", rank, width);
            Add(root + "lora_B.weight", width, rank);
        }

        var text = Encoding.UTF8.GetBytes(header.ToJsonString());
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. MemoryMarshal.AsBytes<float>(CollectionsMarshal.AsSpan(data))];
    }
}
