using System.Text.Json.Nodes;
using Peft.Core.Tokenization.Pipeline;

namespace Peft.Core.Tokenization;

/// <summary>The steps that <c>tokenizer.json</c> describes; what this version cannot do is refused by name, never ignored.</summary>
internal sealed record TokenizerFile(
    Normalizer Normalizer, PreTokenizer PreTokenizer, IWordModel Model, PostProcessor PostProcessor, TokenDecoder Decoder, IReadOnlyList<AddedToken> Added)
{
    /// <summary>Reads a description that stands elsewhere than in a file of its own.</summary>
    /// <param name="root">The description.</param>
    /// <param name="path">Where it stands, for messages.</param>
    public static TokenizerFile Read(JsonObject root, string path)
    {
        var json = new PipelineJson(path);
        if (root["model"] is not JsonObject model)
            throw new PeftException($"{path}: field 'model' is missing or no object.");
        return new TokenizerFile(
            Normalizers.Read(root["normalizer"], json),
            PreTokenizers.Read(root["pre_tokenizer"], json),
            WordModels.Read(model, json),
            PostProcessor.Read(root["post_processor"], json),
            TokenDecoders.Read(root["decoder"], json),
            AddedToken.Read(root, json));
    }
}
