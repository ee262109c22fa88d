using Peft.Core.Models;
using Peft.Core.Pretraining.Objectives;
using Peft.Core.Runs;
using static TorchSharp.torch;

namespace Peft.Core.Pretraining;

/// <summary>Rows side by side, padded on the right, and where in them something is to be predicted.</summary>
internal sealed class PretrainingBatch : IDisposable
{
    private readonly Tensor inputIds; // [B, S]
    private readonly Tensor? attentionMask; // [B, S]; null when nothing is padded
    private readonly Tensor? labels; // [B, T], for an encoder-decoder

    public PretrainingBatch(IReadOnlyList<PretrainingExample> rows, PretrainingObjective objective, int padId, Device device)
    {
        var width = rows.Max(row => row.Input.Length);
        var (ids, mask) = (new long[rows.Count * width], new long[rows.Count * width]);
        Array.Fill(ids, padId);
        for (var r = 0; r < rows.Count; r++)
        {
            for (var t = 0; t < rows[r].Input.Length; t++)
                (ids[(r * width) + t], mask[(r * width) + t]) = (rows[r].Input[t], 1);
            Tokens += rows[r].Input.Length;
        }

        inputIds = tensor(ids, rows.Count, width, device: device);
        attentionMask = Tokens == ids.Length ? null : tensor(mask, rows.Count, width, device: device);
        var written = objective == PretrainingObjective.SpanCorruption;
        var labelWidth = written ? rows.Max(row => row.Labels.Length) : width;
        var wanted = new long[rows.Count * labelWidth];
        Array.Fill(wanted, CausalLoss.Ignored);
        var (places, targets) = (new List<long>(), new List<long>());
        for (var r = 0; r < rows.Count; r++)
        {
            for (var t = 0; t < rows[r].Labels.Length; t++)
            {
                long label = rows[r].Labels[t];
                wanted[(r * labelWidth) + t] = label;
                if (label == CausalLoss.Ignored || (objective == PretrainingObjective.CausalLm && t == 0))
                    continue;
                places.Add((r * labelWidth) + t - (objective == PretrainingObjective.CausalLm ? 1 : 0));
                targets.Add(label);
            }
        }

        labels = written ? tensor(wanted, rows.Count, labelWidth, device: device) : null;
        Places = tensor(places.ToArray(), device: device);
        Targets = tensor(targets.ToArray(), device: device);
        Count = targets.Count;
        if (written)
            Tokens += Count;
    }

    /// <summary>Tokens without padding, of both sides.</summary>
    public int Tokens { get; }

    /// <summary>Tokens to predict.</summary>
    public int Count { get; }

    /// <summary>What is to be predicted, [n].</summary>
    public Tensor Targets { get; }

    /// <summary>Where, as rows of the flattened hidden states, [n].</summary>
    private Tensor Places { get; }

    /// <summary>Scores of the places in fp32, [n, V]: the head is evaluated only where something is to be predicted.</summary>
    public Tensor Logits(BaseModel model)
    {
        using var scope = NewDisposeScope();
        var hidden = model switch
        {
            EncoderModel encoder => encoder.Hidden(inputIds, attentionMask),
            EncoderDecoderModel both => both.Decode(both.DecoderInput(labels!), both.Encode(inputIds, attentionMask), attentionMask),
            CausalLanguageModel decoder => decoder.Hidden(inputIds, attentionMask),
            _ => throw new InvalidOperationException($"A {model.Config.ModelType} model cannot be made from text."),
        };
        var chosen = hidden.reshape(-1, hidden.shape[2]).index_select(0, Places); // [n, C]
        var logits = model switch
        {
            EncoderModel encoder => encoder.Logits(chosen.unsqueeze(0)).squeeze(0),
            EncoderDecoderModel both => both.Logits(chosen),
            _ => ((CausalLanguageModel)model).Logits(chosen),
        };
        return logits.MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        inputIds.Dispose();
        attentionMask?.Dispose();
        labels?.Dispose();
        Places.Dispose();
        Targets.Dispose();
    }
}
