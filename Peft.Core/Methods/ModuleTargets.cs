using System.Globalization;
using System.Text.RegularExpressions;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>Which modules a config means: PEFT's four fields.</summary>
/// <param name="Targets">Modules to adapt; null takes the architecture's default.</param>
/// <param name="Exclude">Modules to leave out; null leaves out none.</param>
/// <param name="Layers">Numbers of the layers to adapt; null means all.</param>
/// <param name="LayersPattern">Path element in front of the layer number; null finds it by itself.</param>
public sealed record ModuleRules(ModuleSelector? Targets, ModuleSelector? Exclude, IReadOnlyList<int>? Layers, IReadOnlyList<string>? LayersPattern);

/// <summary>Finds the modules of a base that PEFT's rules mean, from names alone.</summary>
public static class ModuleTargets
{
    /// <summary>What PEFT puts in front of the base's module paths.</summary>
    public const string Prefix = "base_model.model.";

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

    /// <summary>The chosen modules in module order, and the selector with defaults and <c>all-linear</c> spelled out, as it is saved.</summary>
    /// <param name="rules">The fields.</param>
    /// <param name="model">The base.</param>
    /// <param name="saved">Paths of modules trained in full, under which nothing is adapted.</param>
    /// <param name="embeddings">Whether the method can adapt embeddings.</param>
    public static (ModuleSelector Selector, IReadOnlyList<(LinearShape Shape, bool IsEmbedding)> Modules) Find(
        ModuleRules rules, ModelConfig model, IReadOnlyList<string> saved, bool embeddings)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(model);
        var selector = rules.Targets ?? ModuleSelector.FromNames(Defaults(model.ModelType) ?? []);
        var linears = model.Linears();
        if (selector.IsAllLinear)
            selector = ModuleSelector.FromNames(Shorten([.. linears.Select(l => l.Path)], model));
        var found = new List<(LinearShape, bool)>();
        void Consider(LinearShape module, bool embedding)
        {
            if (IsTarget(rules, selector, module.Path) && !saved.Any(s => module.Path == s || module.Path.StartsWith(s + ".", StringComparison.Ordinal)))
                found.Add((module, embedding));
        }

        if (embeddings)
        {
            foreach (var table in model.Outline.Embeddings)
                Consider(table, embedding: true);
        }

        foreach (var linear in linears)
            Consider(linear, embedding: false);
        if (model.Outline.Head is { } head)
            Consider(head, embedding: false);
        return (selector, found);
    }

    /// <summary>Paths of the modules that names in <c>modules_to_save</c> mean.</summary>
    public static IReadOnlyList<string> Saved(IReadOnlyList<string>? names, ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var modules = new List<string>();
        if (names is not { Count: > 0 })
            return modules;
        foreach (var path in ModulePaths(model))
        {
            // PEFT compares endings without the dot, and what lies under a saved module is saved with it.
            if (names.Any(n => path.EndsWith(n, StringComparison.Ordinal)) && !modules.Any(m => path.StartsWith(m + ".", StringComparison.Ordinal)))
                modules.Add(path);
        }

        return modules;
    }

    /// <summary>Base parameters of saved modules: checkpoint name (the embedding's for a tied head), name in memory.</summary>
    public static IEnumerable<(string Parameter, string Name)> SavedParameters(IReadOnlyList<string> modules, ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(modules);
        ArgumentNullException.ThrowIfNull(model);
        foreach (var path in modules)
        {
            if (path == model.HeadPath && model.HeadIsTied)
                yield return (model.EmbeddingPath + ".weight", $"{Prefix}{path}.weight");
            foreach (var shape in model.Parameters().Where(p => p.Name.StartsWith(path + ".", StringComparison.Ordinal)))
                yield return (shape.Name, Prefix + shape.Name);
        }
    }

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

    private static bool IsTarget(ModuleRules rules, ModuleSelector selector, string path)
    {
        if (rules.Exclude?.Matches(path) == true || !selector.Matches(path))
            return false;
        if (selector.Names is null || rules.Layers is not { Count: > 0 } || selector.Names.Contains(path))
            return true;
        var patterns = rules.LayersPattern is { Count: > 0 } given ? given : [@"[^.]*"];
        foreach (var pattern in patterns)
        {
            var match = Regex.Match(path, $@"^.*?\.{pattern}\.(\d+)\.", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
            if (match.Success)
                return rules.Layers.Contains(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
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

    private static List<string> ModulePaths(ModelConfig model)
    {
        var paths = new List<string>();
        var names = model.Parameters().Select(p => p.Name);
        if (model.HeadIsTied)
            names = names.Append(model.HeadPath + ".weight");
        foreach (var name in names)
        {
            for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = name.IndexOf('.', dot + 1))
            {
                if (!paths.Contains(name[..dot]))
                    paths.Add(name[..dot]);
            }
        }

        return paths;
    }
}
