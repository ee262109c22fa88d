using System.Text;
using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Generation;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using Peft.Core.Training.Tasks;
using TorchSharp;

namespace Peft.Cli.Serving.Answering;

/// <summary>Writes the answer token by token: decoders behind a prompt, encoder-decoders from an input.</summary>
internal sealed class WritingAnswerer(TrainingTask task) : IAnswerer
{
    public ServeReply Answer(BaseModel model, ServeRequest request, Action<string> onText, CancellationToken cancellation)
    {
        var tokenizer = task.Setting.Tokenizer;
        var ends = AnswerGenerator.EosIds(model.Config, tokenizer);
        var decoder = new StreamingDecoder(tokenizer);
        var filter = new StopFilter(request.StopStrings);
        var text = new StringBuilder();
        void Take(string piece)
        {
            if (piece.Length == 0)
                return;
            text.Append(piece);
            onText(piece);
        }

        void OnStep(long[] step)
        {
            if ((int)step[0] is >= 0 and var id && !ends.Contains(id))
                Take(filter.Add(decoder.Add(id)));
        }

        var record = new InstructionRecord(request.Instruction ?? "", request.Input ?? "", "");
        var prompt = task is TextToText both ? both.Input(record).Ids : ((InstructionFollowing)task).Encoder.Prompt(record);
        using var ids = torch.tensor(prompt.Select(id => (long)id).ToArray()).unsqueeze(0).to(model.Device); // [1, T]
        var options = request.Options(ends, word => tokenizer.Encode(word));
        var stop = request.StopStrings.Count > 0 ? new StopStrings(tokenizer, request.StopStrings) : null;
        var result = model is EncoderDecoderModel reader
            ? Seq2SeqGenerator.Search(reader, ids, null, options, OnStep, stop, cancellation)
            : Generator.Search((CausalLanguageModel)model, ids, null, options, OnStep, stop, cancellation);
        var written = result.Sequences[0];

        // A beam search knows only now what it has written.
        if (options.NumBeams > 1)
            Take(filter.Add(string.Concat(written.Where(id => !ends.Contains((int)id)).Select(id => decoder.Add((int)id)))));
        Take(filter.Add(decoder.Finish()) + filter.Finish());
        return new ServeReply(request.Id, "done", text.ToString(), written.Length);
    }
}
