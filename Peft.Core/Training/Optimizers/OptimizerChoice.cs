using System.Globalization;
using Peft.Core.Tensors;

namespace Peft.Core.Training.Optimizers;

/// <summary>The optimizers that training arguments choose from, by the names of Hugging Face's <c>optim</c>.</summary>
public static class OptimizerChoice
{
    private static readonly Dictionary<string, string[]> s_options = new(StringComparer.Ordinal)
    {
        ["adamw_torch"] = [],
        ["adamw_8bit"] = [],
        ["paged_adamw_32bit"] = [],
        ["paged_adamw_8bit"] = [],
        ["sgd"] = ["momentum", "nesterov"],
        ["adafactor"] = ["beta1", "clip_threshold", "decay_rate", "scale_parameter"],
        ["lion_32bit"] = [],
        ["lamb"] = [],
    };

    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_options.Keys];

    /// <summary>Float32 values that an optimizer remembers per trained value, for estimates of memory.</summary>
    public static double ValuesPerParameter(string name) => name switch
    {
        "sgd" => 0,
        "adafactor" => 0.01,
        "lion_32bit" => 1,
        "adamw_8bit" or "paged_adamw_8bit" => 0.5,
        _ => 2,
    };

    /// <summary>What is wrong with <c>optim</c> and <c>optim_args</c>; null when nothing is.</summary>
    public static (string Field, string Message)? Problem(string name, string extras)
    {
        if (!s_options.TryGetValue(name, out var known))
            return ("optim", $"'{name}' is not known; known are {string.Join(", ", Names)}.");
        foreach (var (key, value) in Read(extras))
        {
            if (!known.Contains(key))
                return ("optim_args", known.Length == 0 ? $"{name} takes no '{key}': it has no options of its own." : $"{name} takes no '{key}'; it takes {string.Join(", ", known)}.");
            if (Number(value) is null)
                return ("optim_args", $"'{key}={value}' cannot be read: write name=number, or name=true.");
        }

        return null;
    }

    /// <summary>Makes the optimizer that checked arguments name.</summary>
    /// <param name="arguments">Checked arguments.</param>
    /// <param name="parameters">The tensors that train.</param>
    /// <param name="decays">Which tensors decay, see <see cref="WeightDecayGroups.Of"/>.</param>
    /// <param name="rateOf">The rate of a tensor, from the rate of the step; null for what <c>loraplus_lr_ratio</c> says.</param>
    /// <exception cref="PeftException">The optimizer cannot work with such tensors.</exception>
    public static TrainingOptimizer Create(TrainingArguments arguments, IReadOnlyList<NamedParameter> parameters, Func<string, bool> decays, Func<NamedParameter, double, double>? rateOf = null)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var extras = Read(arguments.OptimArgs).ToDictionary(pair => pair.Key, pair => Number(pair.Value) ?? 0, StringComparer.Ordinal);
        double Extra(string key, double standard) => extras.GetValueOrDefault(key, standard);
        var rates = rateOf ?? (arguments.LoraplusLrRatio is { } ratio and not 1 ? OptimizerOptions.LoraPlus(ratio, arguments.LearningRate) : null);
        var decay = arguments.WeightDecay;
        return arguments.Optim switch
        {
            "sgd" => new Sgd(parameters, new SgdOptions
            {
                WeightDecay = decay, Decays = decays, RateOf = rates, Momentum = Extra("momentum", 0), Nesterov = Extra("nesterov", 0) != 0,
            }),
            "adafactor" => new Adafactor(parameters, new AdafactorOptions
            {
                WeightDecay = decay, Decays = decays, RateOf = rates,
                ClipThreshold = Extra("clip_threshold", 1),
                DecayRate = Extra("decay_rate", -0.8),
                Beta1 = extras.TryGetValue("beta1", out var beta1) ? beta1 : null,
                ScaleParameter = Extra("scale_parameter", 0) != 0,
            }),
            "lion_32bit" => new Lion(parameters, new LionOptions
            {
                WeightDecay = decay, Decays = decays, RateOf = rates, Beta1 = arguments.AdamBeta1, Beta2 = arguments.AdamBeta2,
            }),
            "lamb" => new Lamb(parameters, new LambOptions
            {
                WeightDecay = decay, Decays = decays, RateOf = rates, Beta1 = arguments.AdamBeta1, Beta2 = arguments.AdamBeta2, Epsilon = arguments.AdamEpsilon,
            }),
            _ => new AdamW(parameters, new AdamWOptions
            {
                WeightDecay = decay, Decays = decays, RateOf = rates, Beta1 = arguments.AdamBeta1, Beta2 = arguments.AdamBeta2, Epsilon = arguments.AdamEpsilon,
                StateBits = arguments.Optim.EndsWith("8bit", StringComparison.Ordinal) ? 8 : 32,
                PagedBudget = arguments.Optim.StartsWith("paged_", StringComparison.Ordinal) ? AdamWOptions.UsualPagedBudget : null,
            }),
        };
    }

    /// <summary><c>name=value,name=value</c>, as Hugging Face writes <c>optim_args</c>.</summary>
    private static IEnumerable<(string Key, string Value)> Read(string extras)
    {
        foreach (var part in extras.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            yield return equals > 0 ? (part[..equals].Trim(), part[(equals + 1)..].Trim()) : (part, "");
        }
    }

    private static double? Number(string text) =>
        bool.TryParse(text, out var flag) ? (flag ? 1 : 0)
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
        : null;
}
