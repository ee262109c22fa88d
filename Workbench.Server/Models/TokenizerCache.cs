using System.Collections.Concurrent;
using Peft.Core.Tokenization;

namespace Workbench.Server.Models;

/// <summary>Tokenizers of base models, read once each: reading one takes longer than all tokens of a page.</summary>
public sealed class TokenizerCache
{
    private readonly ConcurrentDictionary<string, (DateTime Stamp, PretrainedTokenizer Tokenizer, PromptTemplate Template)> _loaded = new(StringComparer.Ordinal);

    /// <summary>Tokenizer and prompt template of a model folder; read again when its files changed.</summary>
    /// <exception cref="Peft.Core.PeftException">They cannot be used; names the file.</exception>
    public (PretrainedTokenizer Tokenizer, PromptTemplate Template) Of(string folder)
    {
        var stamp = Stamp(folder);
        if (_loaded.TryGetValue(folder, out var known) && known.Stamp == stamp)
            return (known.Tokenizer, known.Template);
        var tokenizer = PretrainedTokenizer.Load(folder);
        var template = PromptTemplate.Of(tokenizer);
        _loaded[folder] = (stamp, tokenizer, template);
        return (tokenizer, template);
    }

    private static DateTime Stamp(string folder)
    {
        var (vocabulary, config) = (File.GetLastWriteTimeUtc(Path.Combine(folder, "tokenizer.json")), File.GetLastWriteTimeUtc(Path.Combine(folder, "tokenizer_config.json")));
        return vocabulary > config ? vocabulary : config;
    }
}
