using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Goldens;

/// <summary>One forward of a model for its task over a recorded batch: named outputs and the loss.</summary>
internal static class TaskForward
{
    /// <summary>The outputs and the loss of a batch.</summary>
    /// <param name="model">The model, loaded for its task.</param>
    /// <param name="io">Recorded tensors.</param>
    /// <param name="batch">Name of the batch in front of <c>/input_ids</c>.</param>
    /// <param name="segments">Whether the model is told which text of a pair a token belongs to.</param>
    /// <param name="outputs">Whether outputs are wanted; every forward draws its own dropout.</param>
    public static (IReadOnlyDictionary<string, Tensor> Outputs, Tensor Loss) Run(BaseModel model, GoldenTensors io, string batch, bool segments, bool outputs = true)
    {
        var (ids, mask) = (io[batch + "/input_ids"], io.Find(batch + "/attention_mask"));
        switch (model)
        {
            case CausalLanguageModel { Config.Task: ModelTask.CausalLm } decoder:
                return (outputs ? Logits(decoder.Logits(decoder.Hidden(ids, mask))) : [], CausalLoss.Compute(decoder, ids, mask, io[batch + "/labels"]));
            case CausalLanguageModel decoder:
                var scores = TaskLoss.SequenceLogits(decoder, ids, mask);
                return (Logits(scores), TaskLoss.Sequence(scores, io[batch + "/labels"], decoder.Config));
            case EncoderDecoderModel both:
                var labels = io[batch + "/labels"];
                return (outputs ? Logits(both.Logits(both.Decode(both.DecoderInput(labels), both.Encode(ids, mask), mask))) : [], both.Loss(ids, mask, labels));
            default:
                var encoder = (EncoderModel)model;
                return Encoder(encoder, io, batch, encoder.Hidden(ids, mask, segments ? io.Find(batch + "/token_type_ids") : null));
        }
    }

    private static (IReadOnlyDictionary<string, Tensor> Outputs, Tensor Loss) Encoder(EncoderModel model, GoldenTensors io, string batch, Tensor hidden)
    {
        if (model.Config.Task == ModelTask.FeatureExtraction)
            return (Logits(hidden), (hidden - io[batch + "/target"]).pow(2).mean());
        var logits = model.Logits(hidden);
        switch (model.Config.Task)
        {
            case ModelTask.SeqCls:
                return (Logits(logits), TaskLoss.Sequence(logits, io[batch + "/labels"], model.Config));
            case ModelTask.QuestionAns:
                var sides = new Dictionary<string, Tensor> { ["start_logits"] = logits.select(-1, 0), ["end_logits"] = logits.select(-1, 1) };
                return (sides, TaskLoss.Answers(logits, io[batch + "/start_positions"], io[batch + "/end_positions"]));
            default:
                return (Logits(logits), TaskLoss.Tokens(logits, io[batch + "/labels"]));
        }
    }

    private static Dictionary<string, Tensor> Logits(Tensor logits) => new() { ["logits"] = logits };
}
