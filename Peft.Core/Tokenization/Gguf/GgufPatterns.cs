using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Gguf;

/// <summary>
/// How the byte-level tokenizers of GGUF files cut text into words: <c>tokenizer.ggml.pre</c> names a rule that the file does not hold. The
/// rules are those of the models' own <c>tokenizer.json</c>. https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp
/// </summary>
internal static class GgufPatterns
{
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Behind = @"|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Letters = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Signs = @"| ?[^\s\p{L}\p{N}]+[\r\n]*" + Behind;
    private const string Capital = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+";
    private const string Shouted = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*";
    private const string SlashedSigns = @"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + Behind;

    private const string Llama3 = Letters + @"\p{N}{1,3}" + Signs;
    private const string Qwen2 = Letters + @"\p{N}" + Signs;
    private const string Gpt4o = Capital + Contractions + "?|" + Shouted + Contractions + @"?|\p{N}{1,3}" + SlashedSigns;
    private const string Tekken = Capital + "|" + Shouted + @"|\p{N}" + SlashedSigns;

    private const string DeepSeek =
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + Behind;

    private static readonly Dictionary<string, Rule> s_rules = Table();

    /// <summary>The names that are known, for messages.</summary>
    public static string Known { get; } = string.Join(", ", s_rules.Keys.Order(StringComparer.Ordinal));

    /// <summary>The rule of a name; null when it is not known.</summary>
    public static Rule? Find(string name) => s_rules.GetValueOrDefault(name);

    private static Dictionary<string, Rule> Table()
    {
        var rules = new Dictionary<string, Rule>(StringComparer.Ordinal);
        void Add(Rule rule, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                rules.Add(name, rule);
        }

        Add(new Rule([], Gpt2: true), "default", "gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat");
        Add(new Rule([Llama3], WholeWordsFirst: true, Starts: true), "llama3", "llama-v3", "llama-bpe", "falcon3");
        Add(new Rule([Llama3]), "dbrx", "smaug-bpe", "glm4", "chatglm-bpe");
        Add(new Rule([Qwen2], Composed: true), "qwen2");
        Add(new Rule([Qwen2]), "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez");
        Add(new Rule([Gpt4o]), "gpt-4o", "llama4");
        Add(new Rule([Tekken], WholeWordsFirst: true), "tekken");
        Add(new Rule([@"\p{N}"], Gpt2: true), "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b");
        Add(new Rule([@"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-\uD7FF]+", @"\p{N}"]), "deepseek-coder");
        Add(new Rule([@"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DeepSeek]), "deepseek-v3");
        return rules;
    }

    /// <summary>A rule.</summary>
    /// <param name="Patterns">Every match is a word of its own, one pattern after the other.</param>
    /// <param name="Gpt2">Whether GPT-2's pattern cuts what is left.</param>
    /// <param name="WholeWordsFirst">Whether a word that the vocabulary holds is taken as it is.</param>
    /// <param name="Composed">Whether a text is composed first (NFC).</param>
    /// <param name="Starts">Whether a text begins with the beginning token where the file does not say.</param>
    internal sealed record Rule(IReadOnlyList<string> Patterns, bool Gpt2 = false, bool WholeWordsFirst = false, bool Composed = false, bool Starts = false)
    {
        /// <summary>The rule as <c>pre_tokenizer</c> of a <c>tokenizer.json</c>.</summary>
        public JsonObject PreTokenizer()
        {
            var steps = new JsonArray();
            foreach (var pattern in Patterns)
            {
                steps.Add(new JsonObject
                {
                    ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated", ["invert"] = false,
                });
            }

            steps.Add(new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = Gpt2 });
            return new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = steps };
        }
    }
}
