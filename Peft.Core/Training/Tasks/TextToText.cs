using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Generation;
using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>An input with the output to write, both with what the tokenizer puts around them.</summary>
internal sealed record TextWithOutput(EncodedText Text, int[] Output) : EncodedText(Text.Ids, Text.Segments, Text.CutTokens);

/// <summary>SEQ_2_SEQ_LM: an encoder reads instruction and input, a decoder writes the output.</summary>
public sealed class TextToText : WritingTask
{
    /// <summary>The task for a base.</summary>
    public TextToText(TaskSetting setting)
        : base(setting)
    {
    }

    /// <inheritdoc />
    public override TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split) =>
        LabelledSplit<TextWithOutput>.Encode<InstructionRecord>(records, Setting.Arguments.CutPolicy, Example, split, Batch);

    /// <inheritdoc />
    public override string[] Answer(BaseModel model, IReadOnlyList<IDataRecord> records, int batchSize, int maxNewTokens, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(records);
        var both = (EncoderDecoderModel)model;
        var inputs = records.Select(record => Input((InstructionRecord)record)).ToArray();
        var answers = new string[records.Count];
        var options = Generation(model.Config, maxNewTokens);
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            var done = 0;
            foreach (var rows in Enumerable.Range(0, records.Count).OrderBy(i => inputs[i].Ids.Length).Chunk(batchSize))
            {
                using var scope = NewDisposeScope();
                using var text = PaddedText.Of(model, [.. rows.Select(i => inputs[i])]);
                var written = Seq2SeqGenerator.Generate(both, text.InputIds, text.Mask, options);
                for (var r = 0; r < rows.Length; r++)
                    answers[rows[r]] = Setting.Tokenizer.Decode(written[r].Select(id => (int)id), skipSpecialTokens: true).Trim();
                done += rows.Length;
                between?.Invoke(done);
            }
        }
        finally
        {
            model.Training = wasTraining;
        }

        return answers;
    }

    /// <summary>How an answer is written: greedy, until what ends a text.</summary>
    public GenerationOptions Generation(ModelConfig config, int maxNewTokens) =>
        new() { MaxNewTokens = maxNewTokens, EosTokenIds = AnswerGenerator.EosIds(config, Setting.Tokenizer) };

    /// <summary>Ids of what the encoder reads. A long input loses its end, with <c>keep_output_left</c> its beginning.</summary>
    public EncodedText Input(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var tokenizer = Setting.Tokenizer;
        var ids = tokenizer.Encode(record.Input.Length == 0 ? record.Instruction : record.Instruction + "\n" + record.Input);
        int[] end = End();
        var room = Math.Max(1, Setting.MaxLength - tokenizer.Front.Count - end.Length);
        var cut = Math.Max(0, ids.Length - room);
        var kept = Setting.Arguments.CutPolicy is CutPolicy.Left or CutPolicy.KeepOutputLeft ? ids[cut..] : ids[..^cut];
        return new EncodedText([.. tokenizer.Front, .. kept, .. end], null, cut);
    }

    /// <summary>What ends a text: what the tokenizer puts there, and the ending id where it does not.</summary>
    private int[] End()
    {
        var behind = Setting.Tokenizer.Behind;
        return Setting.Tokenizer.EosId is { } eos && (behind.Count == 0 || behind[^1] != eos) ? [.. behind, eos] : [.. behind];
    }

    private TextWithOutput Example(InstructionRecord record, string name)
    {
        var input = Input(record);
        int[] output = [.. Setting.Tokenizer.Front, .. Setting.Tokenizer.Encode(record.Output), .. End()];
        var cut = Math.Max(0, output.Length - Setting.MaxLength);
        if (cut > 0 && Setting.Arguments.CutPolicy == CutPolicy.Error)
        {
            throw new PeftException(
                $"{name}: its output has {output.Length} tokens, but max_length is {Setting.MaxLength}. Raise max_length, shorten the output, or choose a cut policy.");
        }

        return new TextWithOutput(input with { CutTokens = input.CutTokens + cut }, output[..^cut]);
    }

    private static OutputBatch Batch(BaseModel model, IReadOnlyList<TextWithOutput> examples)
    {
        var labels = PaddedText.Rows(examples.Select(e => e.Output), examples.Max(e => e.Output.Length), CausalLoss.Ignored);
        return new OutputBatch(
            (EncoderDecoderModel)model, PaddedText.Of(model, examples), labels, examples.Sum(e => e.Output.Length), examples.Sum(e => e.Ids.Length + e.Output.Length));
    }

    /// <summary>A micro-batch has its own mean over output tokens, and a group the mean of those, as Hugging Face's Trainer has it for T5.</summary>
    private sealed class OutputBatch(EncoderDecoderModel model, PaddedText text, Tensor labels, int items, int tokens) : TaskBatch
    {
        public override int Tokens => tokens;

        public override double Items => items;

        public override Tensor Loss(LossGroup group)
        {
            using var scope = NewDisposeScope();
            return (model.Loss(text.InputIds, text.Mask, labels, null, group.LabelSmoothing) / group.Batches).MoveToOuterDisposeScope();
        }

        protected override void Dispose(bool disposing)
        {
            text.Dispose();
            labels.Dispose();
        }
    }
}
