using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// A decoder: every token sees those before it. An architecture says how tokens are embedded, what a layer computes and what stands at the
/// end; keys and values of earlier calls, virtual tokens and masks are the same for all and live in <see cref="DecoderCall"/>.
/// Letters: B rows, T new tokens, S positions looked at, V virtual tokens, C width, H query heads, Hkv key/value heads, D head width.
/// </summary>
public abstract class CausalLanguageModel : BaseModel
{
    private IReadOnlyList<AttentionSite>? attentions;

    /// <summary>Takes what every architecture needs.</summary>
    protected CausalLanguageModel(ModelConfig config, WeightSource weights)
        : base(config, weights)
    {
    }

    /// <inheritdoc />
    public override IReadOnlyList<AttentionSite> Attentions =>
        attentions ??= [.. Enumerable.Range(0, Config.NumHiddenLayers).Select(i => new AttentionSite(AttentionPath(i), i))];

    /// <summary>Loads a Hugging Face folder that holds a decoder.</summary>
    /// <exception cref="PeftException">As <see cref="BaseModel.Load"/>, or the folder holds no decoder.</exception>
    public static new CausalLanguageModel Load(string folder, ModelLoadOptions? options = null)
    {
        var model = BaseModel.Load(folder, options);
        if (model is CausalLanguageModel causal)
            return causal;
        var modelType = model.Config.ModelType;
        model.Dispose();
        throw new PeftException($"{folder}: architecture '{modelType}' is no decoder, it cannot be asked for the next token.");
    }

    /// <summary>
    /// Hidden states [B, T, C] after the final norm; with a soft prompt in front of the text (and no earlier call) [B, V + T, C].
    /// </summary>
    /// <param name="inputIds">Token ids [B, T], int64. With a cache: the new tokens only.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, T] or with a cache [B, past + T]; null means no padding.</param>
    /// <param name="cache">Keys and values of the tokens already seen; extended by this call.</param>
    /// <param name="positions">Position of each token [B, T], not counting virtual tokens; null counts as the architecture does.</param>
    public virtual Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, KeyValueCache? cache = null, Tensor? positions = null) =>
        Run(inputIds, attentionMask, cache, positions);

    /// <summary>As <see cref="Hidden"/>, for architectures whose text has a structure beside its ids.</summary>
    /// <param name="inputIds">Token ids [B, T].</param>
    /// <param name="attentionMask">As there.</param>
    /// <param name="cache">As there.</param>
    /// <param name="positions">As there.</param>
    /// <param name="layout">The structure, found again as <see cref="DecoderCall.Layout"/>.</param>
    protected Tensor Run(Tensor inputIds, Tensor? attentionMask, KeyValueCache? cache, Tensor? positions, object? layout = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        if (inputIds.shape is not [var batch, var length])
            throw new ArgumentException($"Token ids must be [rows, tokens], not [{string.Join(", ", inputIds.shape)}].", nameof(inputIds));
        var prompt = cache is null || cache.Length == 0 ? SoftPrompt : null;
        if (prompt is not null)
        {
            (inputIds, attentionMask) = BehindPrompt(inputIds, attentionMask);
            inputIds = Shared(inputIds);
            attentionMask = attentionMask is null ? null : Shared(attentionMask);
            length += prompt.Length;
            if (positions is not null)
                positions = cat([arange(prompt.Length, ScalarType.Int64, positions.device).expand(positions.shape[0], -1), positions + prompt.Length], 1);
        }

        var call = new DecoderCall(this, Recomputation?.Scope ?? scope, inputIds, attentionMask, cache, positions) { Layout = layout };
        var h = Embed(inputIds.view(-1), call); // [B*T, C]
        for (var i = 0; i < Config.NumHiddenLayers; i++)
        {
            var layer = i;
            h = RunLayer(h, x => Layer(layer, x, call));
        }

        call.End();
        if (prompt is not null && cache is not null)
            cache.PrefixLength = prompt.Length;
        return Final(h).view(batch, length, -1).MoveToOuterDisposeScope();
    }

    /// <summary>Scores in fp32, [..., V] for hidden states [..., C]: of the next token, or of the labels.</summary>
    public Tensor Logits(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        var head = Head ?? throw new InvalidOperationException($"A model for {Config.Task.Name()} has no head.");
        var shape = hidden.shape;
        var flat = Score(head, hidden.reshape(-1, shape[^1])).to(ScalarType.Float32);
        shape[^1] = flat.shape[1];
        return flat.view(shape);
    }

    /// <summary>Embeddings [B·T, C] of token ids [B·T], positions included where they are added.</summary>
    protected virtual Tensor Embed(Tensor ids, DecoderCall call) => EmbedTokens(ids, call.Length);

    /// <summary>One layer: [B·T, C] → [B·T, C].</summary>
    protected abstract Tensor Layer(int index, Tensor h, DecoderCall call);

    /// <summary>Adds learned positions: <paramref name="h"/> [B·T, C], positions [B or 1, T].</summary>
    protected static Tensor AddPositions(Tensor h, EmbeddingSite table, Tensor positions, DecoderCall call)
    {
        ArgumentNullException.ThrowIfNull(h);
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentNullException.ThrowIfNull(call);
        var rows = positions.shape[0];
        var embedded = table.Forward(positions.reshape(-1)).view(rows, call.Length, -1);
        return (h.view(call.Batch, call.Length, -1) + embedded).view(call.Batch * call.Length, -1);
    }

    /// <summary>What stands behind the last layer: [B·T, C] → [B·T, C].</summary>
    protected abstract Tensor Final(Tensor h);

    /// <summary>Module path of the attention of a layer.</summary>
    protected abstract string AttentionPath(int layer);

    /// <summary>What the head makes of hidden states [N, C]: [N, V].</summary>
    protected virtual Tensor Score(LinearSite head, Tensor hidden) => head.Forward(hidden);

    /// <summary>
    /// The head of the config's task, to be taken last: <c>lm_head</c> (tied to the embedding or not), <c>score</c> for labels of texts and
    /// tokens, <c>qa_outputs</c> for answers, none for hidden states.
    /// </summary>
    /// <param name="weights">Where from.</param>
    /// <param name="width">Width of the hidden states.</param>
    /// <param name="bias">Whether the language-model head has a bias.</param>
    /// <param name="tokenHead">What the architecture calls the head for labels of tokens.</param>
    /// <param name="name">What it calls the language-model head.</param>
    protected LinearSite? TakeHead(WeightSource weights, int width, bool bias = false, string tokenHead = "score", string name = "lm_head")
    {
        ArgumentNullException.ThrowIfNull(weights);
        return Config.Task switch
        {
            ModelTask.CausalLm when Config.TieWordEmbeddings => new LinearSite(name, Embedding.WeightParameter, bias ? weights.Take(name + ".bias", Config.VocabSize) : null),
            ModelTask.CausalLm => weights.HeadLinear(name, width, Config.VocabSize, bias),
            ModelTask.SeqCls => weights.HeadLinear("score", width, Config.NumLabels, bias: false),
            ModelTask.TokenCls => weights.HeadLinear(tokenHead, width, Config.NumLabels, bias: true),
            ModelTask.QuestionAns => weights.HeadLinear("qa_outputs", width, 2, bias: true),
            ModelTask.FeatureExtraction => null,
            _ => throw new PeftException($"Architecture '{Config.ModelType}' has no {Config.Task.Name()} head."),
        };
    }
}
