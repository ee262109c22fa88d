using Peft.Core.Serialization;

namespace Peft.Core.Models;

/// <summary>How one architecture is read.</summary>
/// <param name="ModelType">The <c>model_type</c> of its config files.</param>
/// <param name="ReadConfig">Makes the config record.</param>
/// <param name="Create">Makes the model from config and weights.</param>
public sealed record ModelDescriptor(
    string ModelType,
    Func<ConfigReader, ModelConfig> ReadConfig,
    Func<ModelConfig, WeightSource, CausalLanguageModel> Create);

/// <summary>The architectures that can be loaded. A new one adds a file under <c>Models/</c> and one line here.</summary>
public static class ModelRegistry
{
    private static readonly Dictionary<string, ModelDescriptor> Descriptors = new[]
    {
        new ModelDescriptor("llama", LlamaConfig.Read, (config, weights) => new Llama((LlamaConfig)config, weights)),
    }.ToDictionary(d => d.ModelType, StringComparer.Ordinal);

    /// <summary>Every architecture.</summary>
    public static IReadOnlyCollection<ModelDescriptor> All => Descriptors.Values;

    /// <summary>The descriptor of an architecture.</summary>
    /// <exception cref="PeftException">Unknown architecture; names it and the known ones.</exception>
    public static ModelDescriptor Find(string modelType) => Descriptors.TryGetValue(modelType, out var descriptor)
        ? descriptor
        : throw Unknown("", modelType);

    internal static ModelDescriptor Find(ConfigReader reader)
    {
        var modelType = reader.String("model_type")
            ?? throw new PeftException($"{reader.Path}: field 'model_type' is missing, so the architecture is unknown.");
        return Descriptors.TryGetValue(modelType, out var descriptor) ? descriptor : throw Unknown(reader.Path + ": ", modelType);
    }

    private static PeftException Unknown(string where, string modelType) =>
        new($"{where}architecture '{modelType}' is not supported. Supported: {string.Join(", ", Descriptors.Keys.Order(StringComparer.Ordinal))}.");
}
