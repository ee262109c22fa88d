using System.Text.RegularExpressions;

namespace Peft.Core.Training.Optimizers;

/// <summary>
/// Which tensors shrink under weight decay: all but biases and the weights of norms, by the rule of the Hugging Face Trainer
/// (<c>Trainer.get_decay_parameter_names</c>): by name, and by what is a layer norm whatever its name.
/// </summary>
public static partial class WeightDecayGroups
{
    /// <summary>Whether a tensor decays, by its name alone.</summary>
    public static bool Decays(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return !Spared().IsMatch(name);
    }

    /// <summary>The rule for a model: what lies inside one of its norms does not decay, whatever the norm is called (GPT-2's <c>ln_1</c>).</summary>
    /// <param name="norms">Module paths of the model's norms.</param>
    public static Func<string, bool> Of(IEnumerable<string> norms)
    {
        ArgumentNullException.ThrowIfNull(norms);
        string[] paths = [.. norms.Select(path => "." + path + ".")];
        return name => Decays(name) && !Array.Exists(paths, path => ("." + name + ".").Contains(path, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Spared();
}
