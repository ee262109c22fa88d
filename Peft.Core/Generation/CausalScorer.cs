using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// A decoder with its key/value cache: the prompts are read once, then every step computes one token per row. Where tokens see those behind
/// them nothing can be kept, and every step reads the whole text again.
/// </summary>
internal sealed class CausalScorer : ITokenScorer
{
    private readonly CausalLanguageModel model;
    private readonly KeyValueCache? cache;
    private readonly LeftPadding padding;
    private readonly bool padsCount;
    private List<long>[] texts;

    /// <param name="model">Base with its adapter.</param>
    /// <param name="inputIds">Prompts [B, T].</param>
    /// <param name="mask">1 for real tokens, [B, T], or null.</param>
    /// <param name="options">What was asked for.</param>
    public CausalScorer(CausalLanguageModel model, Tensor inputIds, Tensor? mask, GenerationOptions options)
    {
        this.model = model;
        texts = [.. Generator.Rows(inputIds).Select(row => row.ToList())];
        var (batch, prompt) = (inputIds.shape[0], (int)inputIds.shape[1]);
        padding = new LeftPadding(mask, prompt);
        padsCount = (model.Prefix is not null || model.SoftPrompt is not null) && options.PadsCountBehindPrefix;
        if (!model.Config.LooksAhead)
            cache = new KeyValueCache(model.Config, batch, prompt + options.Room(prompt) + (model.Prefix?.Length ?? 0) + model.LeadingOutputs, model.DType, model.Device);
    }

    public Tensor Start() => Read(padding.PromptPositions);

    public Tensor Next(IReadOnlyList<long> ids)
    {
        for (var r = 0; r < texts.Length; r++)
            texts[r].Add(ids[r]);
        var positions = padding.Advance();
        if (cache is null)
            return Read(positions: null);
        var hidden = model.Hidden(tensor(ids.ToArray(), device: model.Device).view(-1, 1), padding.Mask(), cache, Positions(positions));
        return model.Logits(hidden.view(ids.Count, -1));
    }

    public void KeepRows(IReadOnlyList<int> rows)
    {
        using var kept = tensor(rows.Select(r => (long)r).ToArray(), device: model.Device);
        cache?.KeepRows(kept);
        texts = [.. rows.Select(r => texts[r].ToList())];
        padding.KeepRows(rows);
    }

    public void Dispose() => cache?.Dispose();

    /// <summary>Reads the whole texts; the scores behind each.</summary>
    private Tensor Read(Tensor? positions)
    {
        var ids = tensor(texts.SelectMany(row => row).ToArray(), texts.Length, texts[0].Count, device: model.Device);
        var hidden = model.Hidden(ids, padding.Mask(), cache, Positions(positions));
        return model.Logits(hidden.select(1, hidden.shape[1] - 1)); // padding is on the left, so every row ends in a real token
    }

    /// <summary>Where each token stands. Without padding the rows count alike and the model counts by itself.</summary>
    private Tensor? Positions(Tensor? positions) => padsCount ? null : positions?.to(model.Device);
}
