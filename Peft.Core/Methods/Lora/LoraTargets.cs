using System.Globalization;
using System.Text.RegularExpressions;
using Peft.Core.Models;

namespace Peft.Core.Methods.Lora;

/// <summary>A module that LoRA adapts.</summary>
/// <param name="Path">Module path.</param>
/// <param name="InFeatures">Input width; for the embedding the vocabulary.</param>
/// <param name="OutFeatures">Output width.</param>
/// <param name="HasBias">Whether the layer has a bias.</param>
/// <param name="IsEmbedding">Whether it is the input embedding.</param>
/// <param name="Rank">Rank here.</param>
/// <param name="Scaling">Factor on B·A·x here.</param>
/// <param name="Transposed">Whether the weight lies as [in, out].</param>
public sealed record LoraTarget(string Path, int InFeatures, int OutFeatures, bool HasBias, bool IsEmbedding, int Rank, double Scaling, bool Transposed = false);

/// <summary>Which modules of a base a LoRA config means: decided from names alone, without tensors.</summary>
public sealed class LoraTargets
{
    /// <summary>What PEFT puts in front of the base's module paths.</summary>
    public const string Prefix = TaskHead.TunerPrefix;

    private readonly LoraConfig config;
    private readonly ModelConfig model;

    private LoraTargets(LoraConfig config, ModelConfig model, ModuleSelector selector, IReadOnlyList<LoraTarget> targets, IReadOnlyList<string> saved)
    {
        this.config = config;
        this.model = model;
        Selector = selector;
        Targets = targets;
        SavedModules = saved;
    }

    /// <summary>The selector with defaults and <c>all-linear</c> spelled out, as it is saved.</summary>
    public ModuleSelector Selector { get; }

    /// <summary>Adapted modules in module order.</summary>
    public IReadOnlyList<LoraTarget> Targets { get; }

    /// <summary>Paths of the modules trained in full (<c>modules_to_save</c>).</summary>
    public IReadOnlyList<string> SavedModules { get; }

    /// <summary>
    /// The modules that PEFT adapts by default (its table of architectures), for those it does not know the attention's queries and values;
    /// null when the user has to choose.
    /// </summary>
    public static IReadOnlyList<string>? Defaults(string modelType) => modelType switch
    {
        "llama" or "mistral" or "mixtral" or "qwen2" or "qwen3" or "gemma" or "gemma2" or "gemma3_text" or "gptj" or "opt" => ["q_proj", "v_proj"],
        "glm" or "glm4" or "granite" or "olmo2" or "palm" or "smollm3" or "stablelm" or "starcoder2" or "ernie4_5" or "hunyuan_v1_dense" => ["q_proj", "v_proj"],
        "phi" => ["q_proj", "v_proj", "fc1", "fc2"],
        "gpt2" or "gpt3" or "gpt_bigcode" or "qwen" => ["c_attn"],
        "bloom" or "chatglm" or "falcon" or "glm-130b" or "gpt_neox" => ["query_key_value"],
        "codegen" or "moss" or "phi3" => ["qkv_proj"],
        "mpt" => ["Wqkv"],
        "baichuan" => ["W_pack"],
        "internlm2" => ["wqkv"],
        "cpm_bee" or "cpmant" => ["project_q", "project_v"],
        "t5" or "mt5" => ["q", "v"],
        "bart" => ["q_proj", "v_proj"],
        "bert" or "roberta" or "xlm-roberta" or "electra" or "albert" => ["query", "value"],
        "distilbert" => ["q_lin", "v_lin"],
        _ => null,
    };

    /// <summary>Resolves a config for a base.</summary>
    public static LoraTargets Resolve(LoraConfig config, ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(model);
        var selector = config.TargetModules ?? ModuleSelector.FromNames(Defaults(model.ModelType) ?? []);
        var linears = model.Linears();
        if (selector.IsAllLinear)
            selector = ModuleSelector.FromNames(Shorten([.. linears.Select(l => l.Path)], model));
        var saved = TaskHead.Modules(model, TaskHead.Saved(config.ModulesToSave, config.TaskType) ?? []);
        var targets = new List<LoraTarget>();
        void Consider(LinearShape module, bool embedding)
        {
            if (IsTarget(config, selector, module.Path) && !saved.Any(s => module.Path == s || module.Path.StartsWith(s + ".", StringComparison.Ordinal)))
            {
                targets.Add(new LoraTarget(
                    module.Path, module.InFeatures, module.OutFeatures, module.HasBias, embedding, config.RankOf(module.Path), config.ScalingOf(module.Path), module.Transposed));
            }
        }

        foreach (var table in model.Outline.Embeddings)
            Consider(table, embedding: true);
        foreach (var linear in linears)
            Consider(linear, embedding: false);
        if (model.Outline.Head is { } head)
            Consider(head, embedding: false);
        return new LoraTargets(config, model, selector, targets, saved);
    }

    /// <summary>Every trained tensor, in PEFT's names in memory.</summary>
    public IReadOnlyList<TrainableShape> TrainableShapes()
    {
        var shapes = new List<TrainableShape>();
        foreach (var target in Targets)
        {
            var (a, b) = Names(target);
            shapes.Add(new TrainableShape(a, [target.Rank, target.InFeatures], InBase: false));
            shapes.Add(new TrainableShape(b, [target.OutFeatures, target.Rank], InBase: false));
        }

        foreach (var (parameter, name) in TrainedBiases())
            shapes.Add(new TrainableShape(name, ShapeOf(parameter), InBase: true));
        foreach (var (parameter, name) in SavedParameters())
            shapes.Add(new TrainableShape(name, ShapeOf(parameter), InBase: false));
        return shapes;
    }

    /// <summary>Names of A and B in memory and in files.</summary>
    public static (string A, string B) Names(LoraTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        return target.IsEmbedding
            ? ($"{Prefix}{target.Path}.lora_embedding_A", $"{Prefix}{target.Path}.lora_embedding_B")
            : ($"{Prefix}{target.Path}.lora_A.weight", $"{Prefix}{target.Path}.lora_B.weight");
    }

    /// <summary>Base biases that train: checkpoint name, name in memory.</summary>
    public IEnumerable<(string Parameter, string Name)> TrainedBiases()
    {
        if (config.Bias == "none")
            yield break;
        var adapted = Targets.Select(t => t.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var shape in model.Parameters().Where(p => p.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            var path = shape.Name[..^".bias".Length];
            if (SavedModules.Any(s => path == s || path.StartsWith(s + ".", StringComparison.Ordinal)))
                continue; // trains as part of that module
            if (adapted.Contains(path))
                yield return (shape.Name, $"{Prefix}{path}.base_layer.bias");
            else if (config.Bias == "all")
                yield return (shape.Name, Prefix + shape.Name);
        }
    }

    /// <summary>Base parameters trained in full: checkpoint name (the embedding's for a tied head), name in memory.</summary>
    public IEnumerable<(string Parameter, string Name)> SavedParameters() => TaskHead.Parameters(model, SavedModules, Prefix);

    /// <summary>The value of the first expression that matches the end of a path; null when none does.</summary>
    public static double? ByPattern(IReadOnlyDictionary<string, double> patterns, string path)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        foreach (var (pattern, value) in patterns)
        {
            if (Regex.IsMatch(path, $@"^(.*\.)?({pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)))
                return value;
        }

        return null;
    }

    private static bool IsTarget(LoraConfig config, ModuleSelector selector, string path)
    {
        if (config.ExcludeModules?.Matches(path) == true || !selector.Matches(path))
            return false;
        if (selector.Names is null || config.LayersToTransform is not { Count: > 0 } || selector.Names.Contains(path))
            return true;
        var patterns = config.LayersPattern is { Count: > 0 } given ? given : [@"[^.]*"];
        foreach (var pattern in patterns)
        {
            var match = Regex.Match(path, $@"^.*?\.{pattern}\.(\d+)\.", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
            if (match.Success)
                return config.LayersToTransform.Contains(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
        }

        return false;
    }

    /// <summary>PEFT writes 20 or more full paths as their shortest endings that mean the same modules.</summary>
    private static IReadOnlyList<string> Shorten(IReadOnlyList<string> paths, ModelConfig model)
    {
        if (paths.Count < 20)
            return paths;
        string[] others = [.. model.Outline.Embeddings.Select(e => e.Path), .. model.HeadPath is { } head ? [head] : Array.Empty<string>()];
        var endings = new List<string>();
        foreach (var path in paths)
        {
            if (endings.Any(e => ModuleSelector.MatchesName(path, e)))
                continue;
            var parts = path.Split('.');
            endings.Add(Enumerable.Range(1, parts.Length)
                .Select(count => string.Join('.', parts[^count..]))
                .First(ending => !others.Any(o => ModuleSelector.MatchesName(o, ending))));
        }

        return endings;
    }

    private IReadOnlyList<long> ShapeOf(string parameter) => TaskHead.ShapeOf(model, parameter);
}
