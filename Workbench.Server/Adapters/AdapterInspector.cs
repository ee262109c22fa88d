using System.Text.Json;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Workbench.Client.Contracts;
using Workbench.Server.Methods;

namespace Workbench.Server.Adapters;

/// <summary>Looks at an adapter's folder: config and headers of weights, no tensors.</summary>
internal static class AdapterInspector
{
    /// <summary>Facts for the list. A folder that cannot be read is listed with the reason.</summary>
    public static AdapterSummary Summary(string id, string name, AdapterSource source, string folder, string? modelId, string? modelName, DateTimeOffset created)
    {
        try
        {
            var config = PeftConfig.Load(folder);
            var method = PeftMethodRegistry.Find(config.PeftType);
            var tensors = Tensors(folder);
            return new AdapterSummary(
                id, name, source, method.Name, method.DisplayName, MethodCatalog.FamilyOf(method.Name), config.TaskType, modelId, modelName ?? config.BaseModelNameOrPath ?? "",
                Rank(config), tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (count, size) => count * size)), tensors.Sum(tensor => tensor.Bytes), created);
        }
        catch (Exception refused) when (refused is PeftException or IOException or UnauthorizedAccessException)
        {
            return new AdapterSummary(id, name, source, "", "", MethodFamily.None, null, modelId, modelName ?? "", null, 0, 0, created) { Problem = Cleaned(refused.Message, folder) };
        }
    }

    /// <summary>Everything about one.</summary>
    /// <param name="summary">Its line in the list.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="baseFolder">Its base here, to check against; null where it is not here.</param>
    public static AdapterDetail Detail(AdapterSummary summary, string folder, string? baseFolder)
    {
        var files = Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(path => new ModelFile(Path.GetFileName(path), new FileInfo(path).Length)).ToArray();
        if (summary.Problem is not null)
            return new AdapterDetail(summary, "", new Dictionary<string, JsonElement>(), [], files, []);
        var config = PeftConfig.Load(folder);
        var method = PeftMethodRegistry.Find(config.PeftType);
        var fields = config.ToJson().Where(field => field.Value is not null).ToDictionary(field => field.Key, field => JsonSerializer.SerializeToElement(field.Value));
        return new AdapterDetail(summary, method.Format.ToString(), fields, Tensors(folder), files, baseFolder is null ? [] : Problems(config, baseFolder))
        {
            CanMerge = method.CanMerge || method.Format == PeftFormat.BaseParameters,
            IsLora = config is LoraConfig { InitLoraWeights: not (LoraInit.Pissa or LoraInit.Olora), UseDora: false },
            CanConvert = config is LoraConfig { InitLoraWeights: LoraInit.Pissa or LoraInit.Olora, UseDora: false },
        };
    }

    /// <summary>Why an adapter does not belong to a base, as far as config and names tell.</summary>
    private static List<DraftProblem> Problems(PeftConfig config, string baseFolder)
    {
        try
        {
            var model = ModelConfig.Load(baseFolder, config.TaskType is { } task ? ModelTasks.Parse(task) : null);
            var checks = config.Validate(model);
            return [.. checks.Problems.Select(p => new DraftProblem(p.Field, "error", "invalid_" + p.Field, $"{p.Field}: {p.Message}"))];
        }
        catch (PeftException refused)
        {
            return [new DraftProblem("base_model", "error", "model_unusable", refused.Message)];
        }
    }

    private static int? Rank(PeftConfig config) => config.ToJson() is var json && (json["r"] ?? json["target_r"]) is { } rank && rank.GetValueKind() == JsonValueKind.Number && rank.GetValue<int>() is > 0 and var r ? r : null;

    private static List<AdapterTensor> Tensors(string folder)
    {
        var tensors = new List<AdapterTensor>();
        var paths = Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal).ToArray();
        if (paths.Length == 0)
            paths = [.. Directory.EnumerateFiles(folder, "adapter_model.bin")];
        if (paths.Length == 0)
            throw new PeftException($"{folder}: file not found; the adapter's weights are missing.");
        foreach (var path in paths)
        {
            using var file = Checkpoint.OpenFile(path);
            tensors.AddRange(file.Stored.Values.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => new AdapterTensor(t.Name, t.Shape, t.Format, t.Bytes)));
        }

        return tensors;
    }

    /// <summary>A message names the file that a person knows, not where it lies.</summary>
    public static string Cleaned(string message, string folder) => message.Replace(folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal).Replace(folder + ": ", "", StringComparison.Ordinal);
}
