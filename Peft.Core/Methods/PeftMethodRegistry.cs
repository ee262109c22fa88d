using Peft.Core.Methods.AdaLora;
using Peft.Core.Methods.AdaptionPrompt;
using Peft.Core.Methods.BitFit;
using Peft.Core.Methods.Boft;
using Peft.Core.Methods.Bottleneck;
using Peft.Core.Methods.Full;
using Peft.Core.Methods.Ia3;
using Peft.Core.Methods.LnTuning;
using Peft.Core.Methods.Loha;
using Peft.Core.Methods.Lokr;
using Peft.Core.Methods.Lora;
using Peft.Core.Methods.MultitaskPrompt;
using Peft.Core.Methods.Oft;
using Peft.Core.Methods.Prefix;
using Peft.Core.Methods.Probe;
using Peft.Core.Methods.PromptTuning;
using Peft.Core.Methods.PTuning;
using Peft.Core.Methods.Vera;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>The methods. UI, validation, command line and tests enumerate it; a new method adds a folder and one line here.</summary>
public static class PeftMethodRegistry
{
    private static readonly Dictionary<string, PeftMethodDescriptor> Descriptors = new[]
    {
        LoraMethod.Descriptor,
        AdaLoraMethod.Descriptor,
        VeraMethod.Descriptor,
        LohaMethod.Descriptor,
        LokrMethod.Descriptor,
        OftMethod.Descriptor,
        BoftMethod.Descriptor,
        PrefixTuningMethod.Descriptor,
        PromptTuningMethod.Descriptor,
        PTuningMethod.Descriptor,
        MultitaskPromptMethod.Descriptor,
        AdaptionPromptMethod.Descriptor,
        Ia3Method.Descriptor,
        BottleneckMethod.Houlsby,
        BottleneckMethod.Pfeiffer,
        BottleneckMethod.Parallel,
        BitFitMethod.Descriptor,
        LnTuningMethod.Descriptor,
        ProbeMethod.Descriptor,
        FullMethod.Descriptor,
    }.ToDictionary(d => d.Name, WithHelpKeys, StringComparer.Ordinal);

    /// <summary>Every method in display order.</summary>
    public static IReadOnlyCollection<PeftMethodDescriptor> All => Descriptors.Values;

    /// <summary>The known names, for messages.</summary>
    public static string Names => string.Join(", ", Descriptors.Keys);

    /// <summary>The descriptor of a method, or null.</summary>
    public static PeftMethodDescriptor? TryFind(string name) => Descriptors.GetValueOrDefault(name);

    /// <summary>The descriptor of a method.</summary>
    /// <exception cref="PeftException">Unknown method; names the known ones.</exception>
    public static PeftMethodDescriptor Find(string name) => TryFind(name)
        ?? throw new PeftException($"Method '{name}' is not known; known methods: {Names}.");

    /// <summary>What a method would train on a base, without tensors.</summary>
    public static IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model, PeftConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config.TrainableShapes(model);
    }

    private static PeftMethodDescriptor WithHelpKeys(PeftMethodDescriptor method) => method with
    {
        Options = [.. method.Options.Select(o => o with { HelpKey = $"Method.{method.Name}.{o.Name}" })],
    };
}
