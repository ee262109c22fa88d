using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>Activation functions under the names of Hugging Face's <c>ACT2FN</c>.</summary>
public static class Activations
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_known = new(StringComparer.Ordinal)
    {
        ["gelu"] = x => F.gelu(x),
        ["gelu_python"] = x => F.gelu(x),
        ["gelu_new"] = TanhGelu,
        ["gelu_fast"] = TanhGelu,
        ["gelu_pytorch_tanh"] = TanhGelu,
        ["quick_gelu"] = x => x * (x * 1.702).sigmoid(),
        ["relu"] = x => x.relu(),
        ["relu2"] = x => x.relu().square(),
        ["silu"] = x => F.silu(x),
        ["swish"] = x => F.silu(x),
        ["tanh"] = x => x.tanh(),
        ["sigmoid"] = x => x.sigmoid(),
    };

    /// <summary>The function of a name.</summary>
    /// <param name="name">Its name in the config.</param>
    /// <param name="reader">For the message.</param>
    /// <param name="field">For the message.</param>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static string Check(string name, ConfigReader reader, string field)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return s_known.ContainsKey(name)
            ? name
            : throw new PeftException($"{reader.Path}: field '{field}' is '{name}'; known activations are {string.Join(", ", s_known.Keys)}.");
    }

    /// <summary>The function of a name that was checked when the config was read.</summary>
    public static Func<Tensor, Tensor> Of(string name) => s_known[name];

    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    private static Tensor TanhGelu(Tensor x)
    {
        using var scope = NewDisposeScope();
        var inner = ((x.pow(3) * 0.044715) + x) * Math.Sqrt(2 / Math.PI);
        return (x * 0.5 * (inner.tanh() + 1)).MoveToOuterDisposeScope();
    }
}
