namespace Peft.Core.Serialization.Gguf;

/// <summary>The named values of a GGUF file; one of another kind than is expected is an error that names file and key.</summary>
internal sealed class GgufMetadata(string path, IReadOnlyDictionary<string, object> values)
{
    /// <summary>The file, for messages.</summary>
    public string Path => path;

    public bool Has(string key) => values.ContainsKey(key);

    /// <summary>A text, or null when absent.</summary>
    public string? Text(string key) => Find<string>(key, "a text");

    /// <summary>A yes or no, or null when absent.</summary>
    public bool? Flag(string key) => values.TryGetValue(key, out var value) ? value as bool? ?? throw Unusable(key, "yes or no") : null;

    /// <summary>A number, or null when absent.</summary>
    public double? Number(string key) => values.TryGetValue(key, out var value)
        ? value switch { double number when double.IsFinite(number) => number, long whole => whole, _ => throw Unusable(key, "a number") }
        : null;

    /// <summary>A whole number, or null when absent. A list counts when all its entries are equal (some files repeat a value per layer).</summary>
    public int? Whole(string key)
    {
        if (!values.TryGetValue(key, out var value))
            return null;
        if (value is int[] { Length: > 0 } layers)
        {
            return layers.All(layer => layer == layers[0])
                ? layers[0]
                : throw new PeftException($"{path}: '{key}' differs from layer to layer ({string.Join(", ", layers.Take(8))}…), which is not supported.");
        }

        return value is long and >= int.MinValue and <= int.MaxValue and var whole ? (int)whole : throw Unusable(key, "a whole number");
    }

    /// <summary>A whole number that must be there.</summary>
    public int Needed(string key) => Whole(key) ?? throw new PeftException($"{path}: '{key}' is missing.");

    /// <summary>A list of texts, or null when absent.</summary>
    public string[]? Texts(string key) => Find<string[]>(key, "a list of texts");

    /// <summary>A list of numbers, or null when absent.</summary>
    public float[]? Numbers(string key) => Find<float[]>(key, "a list of numbers");

    /// <summary>A list of whole numbers, or null when absent.</summary>
    public int[]? Wholes(string key) => Find<int[]>(key, "a list of whole numbers");

    private T? Find<T>(string key, string kind)
        where T : class => values.TryGetValue(key, out var value) ? value as T ?? throw Unusable(key, kind) : null;

    private PeftException Unusable(string key, string kind) => new($"{path}: '{key}' should be {kind}.");
}
