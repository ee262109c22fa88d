using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>Ids of one example.</summary>
/// <param name="Ids">With what the tokenizer puts around.</param>
/// <param name="Segments">Which text of a pair each id belongs to; null is the first everywhere.</param>
/// <param name="CutTokens">Ids that the length limit took away.</param>
public record EncodedText(int[] Ids, int[]? Segments = null, int CutTokens = 0);

/// <summary>Examples side by side, padded on the right.</summary>
/// <param name="InputIds">[B, T], int64.</param>
/// <param name="Mask">1 for real tokens, [B, T]; null when nothing is padded.</param>
/// <param name="Segments">[B, T], or null.</param>
public sealed record PaddedText(Tensor InputIds, Tensor? Mask, Tensor? Segments) : IDisposable
{
    /// <summary>Puts examples side by side on a model's device.</summary>
    public static PaddedText Of(BaseModel model, IReadOnlyList<EncodedText> examples)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        var width = examples.Max(e => e.Ids.Length);
        var rows = examples.Count;
        var padded = examples.Any(e => e.Ids.Length < width);
        return new PaddedText(
            Rows(examples.Select(e => e.Ids), width, model.Config.PadTokenId ?? 0).to(model.Device),
            padded ? Rows(examples.Select(e => Enumerable.Repeat(1, e.Ids.Length).ToArray()), width, 0).to(model.Device) : null,
            examples.All(e => e.Segments is null) ? null : Rows(examples.Select(e => e.Segments ?? new int[e.Ids.Length]), width, 0).to(model.Device));
    }

    /// <summary>Whole numbers [B, width] of rows that are filled up on the right, int64 on the CPU.</summary>
    public static Tensor Rows(IEnumerable<int[]> rows, int width, long fill)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var values = rows.SelectMany(row => row.Select(v => (long)v).Concat(Enumerable.Repeat(fill, width - row.Length))).ToArray();
        return tensor(values, values.Length / width, width);
    }

    /// <summary>Scores of the model's head in fp32: [B, N] for texts, [B, T, N] for tokens, [B, T, 2] for answers.</summary>
    /// <exception cref="PeftException">The model has no such head.</exception>
    public Tensor Scores(BaseModel model) => model switch
    {
        EncoderModel encoder => encoder.Logits(encoder.Hidden(InputIds, Mask, Segments)),
        CausalLanguageModel { Config.Task: ModelTask.SeqCls } decoder => TaskLoss.SequenceLogits(decoder, InputIds, Mask),
        CausalLanguageModel decoder => decoder.Logits(decoder.Hidden(InputIds, Mask)),
        _ => throw new PeftException($"{model} has no head for {model?.Config.Task.Name()}."),
    };

    /// <inheritdoc />
    public void Dispose()
    {
        InputIds.Dispose();
        Mask?.Dispose();
        Segments?.Dispose();
    }
}

/// <summary>Puts around texts what a base's tokenizer puts there, within a limit.</summary>
/// <param name="setting">Tokenizer and limits.</param>
internal sealed class TextEncoder(TaskSetting setting)
{
    /// <summary>Ids of one text. What does not fit is lost at its end, with <c>left</c> at its beginning.</summary>
    public EncodedText Encode(string text)
    {
        var tokenizer = setting.Tokenizer;
        var ids = tokenizer.Encode(text);
        var kept = Keep(ids, setting.MaxLength - tokenizer.Front.Count - tokenizer.Behind.Count);
        return new EncodedText([.. tokenizer.Front, .. kept, .. tokenizer.Behind], null, ids.Length - kept.Length);
    }

    /// <summary>Ids of a pair. What does not fit is lost by the longer text, token by token.</summary>
    public EncodedText Encode(string first, string second)
    {
        var (front, middle, behind) = setting.Tokenizer.Pair;
        if (middle.Count == 0)
            middle = setting.Tokenizer.Encode("\n"); // a tokenizer that knows no pairs
        var (a, b) = (setting.Tokenizer.Encode(first), setting.Tokenizer.Encode(second));
        var room = Math.Max(0, setting.MaxLength - front.Count - middle.Count - behind.Count);
        var (left, right) = (a.Length, b.Length);
        while (left + right > room)
        {
            if (left > right)
                left--;
            else
                right--;
        }

        int[] ids = [.. front, .. Keep(a, left), .. middle, .. Keep(b, right), .. behind];
        var border = front.Count + left + middle.Count;
        var segments = setting.HasSegments ? ids.Select((_, i) => i < border ? 0 : setting.Tokenizer.SecondSegment).ToArray() : null;
        return new EncodedText(ids, segments, a.Length + b.Length - left - right);
    }

    private int[] Keep(int[] ids, int room) => ids.Length <= room ? ids
        : setting.Arguments.CutPolicy is Data.CutPolicy.Left or Data.CutPolicy.KeepOutputLeft ? ids[^Math.Max(0, room)..]
        : ids[..Math.Max(0, room)];
}
