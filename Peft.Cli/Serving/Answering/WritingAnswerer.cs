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
        var text = new StringBuilder();
        var count = 0;
        void Take(string piece)
        {
            if (piece.Length == 0)
                return;
            text.Append(piece);
            onText(piece);
        }

        void OnStep(long[] step)
        {
            var id = (int)step[0];
            if (id < 0)
                return;
            count++;
            if (!ends.Contains(id) && !tokenizer.IsSpecial(id))
                Take(decoder.Add(id));
        }

        var record = new InstructionRecord(request.Instruction ?? "", request.Input ?? "", "");
        var prompt = task is TextToText both ? both.Input(record).Ids : ((InstructionFollowing)task).Encoder.Prompt(record);
        using var ids = torch.tensor(prompt.Select(id => (long)id).ToArray()).unsqueeze(0).to(model.Device); // [1, T]
        if (model is EncoderDecoderModel reader)
            Seq2SeqGenerator.Generate(reader, ids, null, Options(request, ends), OnStep, cancellation);
        else
            Generator.Generate((CausalLanguageModel)model, ids, null, Options(request, ends), OnStep, cancellation);
        Take(decoder.Finish());
        return new ServeReply(request.Id, "done", text.ToString(), count);
    }

    private static GenerationOptions Options(ServeRequest request, IReadOnlyList<int> ends) => new()
    {
        MaxNewTokens = request.MaxNewTokens,
        DoSample = request.DoSample,
        Temperature = request.Temperature,
        TopP = request.TopP,
        Seed = request.Seed,
        EosTokenIds = ends,
    };
}
