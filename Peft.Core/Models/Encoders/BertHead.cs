using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Encoders;

/// <summary>What stands on BERT, RoBERTa or ELECTRA for a task.</summary>
internal sealed class BertHead
{
    private readonly BertConfig config;
    private readonly LinearSite? dense;
    private readonly LayerNorm? norm;

    public BertHead(BertConfig config, WeightSource weights, EmbeddingSite embedding)
    {
        this.config = config;
        var bare = config.ModelType == "bert";
        switch (config.Task)
        {
            case ModelTask.SeqCls:
                dense = bare ? null : weights.HeadLinear("classifier.dense", config.HiddenSize, config.HiddenSize, bias: true);
                Output = weights.HeadLinear(bare ? "classifier" : "classifier.out_proj", config.HiddenSize, config.NumLabels, bias: true);
                break;
            case ModelTask.TokenCls:
                Output = weights.HeadLinear("classifier", config.HiddenSize, config.NumLabels, bias: true);
                break;
            case ModelTask.QuestionAns:
                Output = weights.HeadLinear("qa_outputs", config.HiddenSize, 2, bias: true);
                break;
            case ModelTask.MaskedLm:
                var (transform, layerNorm, output) = config.ModelType switch
                {
                    "bert" => ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder"),
                    "electra" => ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head"),
                    _ => ("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder"),
                };
                var bias = config.ModelType switch { "bert" => "cls.predictions.bias", "electra" => "generator_lm_head.bias", _ => "lm_head.bias" };
                var vocabularyBias = weights.Take(bias, config.VocabSize);
                dense = weights.Linear(transform, config.HiddenSize, config.EmbeddingSize, bias: true);
                norm = weights.LayerNorm(layerNorm, config.EmbeddingSize, config.LayerNormEps);
                var weight = config.TieWordEmbeddings ? embedding.WeightParameter : weights.Take(output + ".weight", config.VocabSize, config.EmbeddingSize);
                Output = new LinearSite(output, weight, vocabularyBias);
                break;
        }
    }

    /// <summary>The last linear layer; null when the task has no head.</summary>
    public LinearSite? Output { get; }

    /// <summary>Scores of labels [B, N] from what stands for the text [B, C].</summary>
    public Tensor Sequence(Tensor text)
    {
        if (dense is null)
            return Output!.Forward(text);
        var x = dense.Forward(text);
        return Output!.Forward(config.ModelType == "electra" ? Activations.Of("gelu")(x) : x.tanh());
    }

    /// <summary>Scores of hidden-out tokens [B, T, V] from hidden states [B, T, C].</summary>
    public Tensor Tokens(Tensor hidden)
    {
        var flat = hidden.reshape(-1, hidden.shape[2]);
        var activation = config.ModelType == "bert" ? config.HiddenAct : "gelu";
        var x = norm!.Forward(Activations.Of(activation)(dense!.Forward(flat)));
        return Output!.Forward(x).view(hidden.shape[0], hidden.shape[1], -1);
    }
}
