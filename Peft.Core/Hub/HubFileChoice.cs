using System.Text.RegularExpressions;

namespace Peft.Core.Hub;

/// <summary>Weights that a repository offers: one of them is downloaded.</summary>
/// <param name="Name"><c>safetensors</c>, <c>bin</c>, or the name of a GGUF file.</param>
/// <param name="Files">Their files.</param>
public sealed record HubWeights(string Name, IReadOnlyList<HubFile> Files)
{
    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(file => file.Size);
}

/// <summary>
/// Which files of a repository make a model: config, tokenizer, read-me, and one kind of weights. Code, other frameworks' weights and second
/// copies of the weights stay where they are.
/// </summary>
public static partial class HubFileChoice
{
    /// <summary>Weights in safetensors.</summary>
    public const string Safetensors = "safetensors";

    /// <summary>Weights in PyTorch's older format.</summary>
    public const string Bin = "bin";

    private static readonly HashSet<string> s_beside = new(StringComparer.OrdinalIgnoreCase)
    {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
        "merges.txt", "chat_template.jinja", "chat_template.json", "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md",
    };

    /// <summary>What there is to choose from, the one to prefer first: safetensors, then .bin, then GGUF files by size.</summary>
    public static IReadOnlyList<HubWeights> Weights(IReadOnlyList<HubFile> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        var found = new List<HubWeights>();
        if (Set(files, "model.safetensors", "model.safetensors.index.json", SafetensorsShard()) is { } safetensors)
            found.Add(new HubWeights(Safetensors, safetensors));
        if (Set(files, "pytorch_model.bin", "pytorch_model.bin.index.json", BinShard()) is { } bin)
            found.Add(new HubWeights(Bin, bin));
        found.AddRange(files
            .Where(file => file.Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && !GgufProjector().IsMatch(file.Path))
            .GroupBy(file => GgufPart().Replace(file.Path, ""))
            .Select(group => new HubWeights(group.Order(s_byPath).First().Path, [.. group.Order(s_byPath)]))
            .OrderBy(weights => weights.Bytes)
            .ThenBy(weights => weights.Name, StringComparer.Ordinal));
        return found;
    }

    /// <summary>The files to download for one choice of weights, largest last.</summary>
    /// <exception cref="PeftException">The repository holds no such weights.</exception>
    public static IReadOnlyList<HubFile> Files(IReadOnlyList<HubFile> files, string? weights = null)
    {
        var offers = Weights(files);
        var chosen = string.IsNullOrEmpty(weights) ? offers.Count > 0 ? offers[0] : null : offers.FirstOrDefault(offer => offer.Name == weights);
        if (chosen is null)
        {
            throw new PeftException(offers.Count == 0
                ? "The repository holds no weights that can be read: no .safetensors, no pytorch_model.bin, no .gguf."
                : $"The repository holds no weights '{weights}'; it has {string.Join(", ", offers.Select(offer => offer.Name))}.");
        }

        return [.. files.Where(file => IsBeside(file.Path)).Concat(chosen.Files).DistinctBy(file => file.Path).OrderBy(file => file.Size)];
    }

    /// <summary>Whether a file belongs beside the weights.</summary>
    public static bool IsBeside(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return s_beside.Contains(path) || (!path.Contains('/', StringComparison.Ordinal) && SentencePiece().IsMatch(path));
    }

    private static readonly Comparer<HubFile> s_byPath = Comparer<HubFile>.Create((a, b) => string.CompareOrdinal(a.Path, b.Path));

    /// <summary>One file, or shards with their index; the index alone is nothing.</summary>
    private static HubFile[]? Set(IReadOnlyList<HubFile> files, string single, string index, Regex shard)
    {
        if (files.FirstOrDefault(file => file.Path == index) is { } table && files.Where(file => shard.IsMatch(file.Path)).ToArray() is { Length: > 0 } shards)
            return [table, .. shards];
        return files.FirstOrDefault(file => file.Path == single) is { } one ? [one] : null;
    }

    [GeneratedRegex(@"^model-\d+-of-\d+\.safetensors$")]
    private static partial Regex SafetensorsShard();

    [GeneratedRegex(@"^pytorch_model-\d+-of-\d+\.bin$")]
    private static partial Regex BinShard();

    [GeneratedRegex(@"^(tokenizer|spiece|sentencepiece\.bpe|sentencepiece|ice_text|vocab)\.(model|vocab)$")]
    private static partial Regex SentencePiece();

    [GeneratedRegex(@"-\d{5}-of-\d{5}(?=\.gguf$)", RegexOptions.IgnoreCase)]
    private static partial Regex GgufPart();

    /// <summary>The picture part of a model that sees; no model by itself.</summary>
    [GeneratedRegex(@"(^|/)mmproj", RegexOptions.IgnoreCase)]
    private static partial Regex GgufProjector();
}
