using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>A base of a given shape with random weights N(0, 0.02), written to a temporary folder.</summary>
internal sealed class RandomModel : IDisposable
{
    private RandomModel(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>11.2 million parameters: hidden 320, 8 layers, 10 heads over 2, FFN 864, vocabulary 8,192, tied.</summary>
    public static RandomModel TenMillion() => Write("float32", """
        {"model_type":"llama","hidden_size":320,"intermediate_size":864,"num_hidden_layers":8,"num_attention_heads":10,"num_key_value_heads":2,
         "vocab_size":8192,"max_position_embeddings":1024,"tie_word_embeddings":true}
        """);

    /// <summary>The shape of Qwen2.5-0.5B: hidden 896, 24 layers, 14 heads over 2, FFN 4,864, vocabulary 151,936, tied; 494 million parameters.</summary>
    public static RandomModel HalfBillion() => Write("bfloat16", """
        {"model_type":"llama","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,"num_attention_heads":14,"num_key_value_heads":2,
         "vocab_size":151936,"max_position_embeddings":4096,"tie_word_embeddings":true,"rope_theta":1000000.0}
        """);

    /// <summary>The same as a Qwen2, with its biases on q, k and v.</summary>
    public static RandomModel HalfBillionQwen2() => Write("bfloat16", """
        {"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,"num_attention_heads":14,"num_key_value_heads":2,
         "vocab_size":151936,"max_position_embeddings":32768,"tie_word_embeddings":true,"rope_theta":1000000.0,"rms_norm_eps":1e-6}
        """);

    /// <summary>539 million parameters, 1.08 GB in bfloat16: hidden 1,024, 34 layers, 16 heads over 4, FFN 2,816, vocabulary 151,936, tied.</summary>
    public static RandomModel OneGigabyte() => Write("bfloat16", """
        {"model_type":"llama","hidden_size":1024,"intermediate_size":2816,"num_hidden_layers":34,"num_attention_heads":16,"num_key_value_heads":4,
         "vocab_size":151936,"max_position_embeddings":4096,"tie_word_embeddings":true,"rope_theta":1000000.0}
        """);

    /// <summary>The shape of GPT-2's smallest: 124 million parameters.</summary>
    public static RandomModel Gpt2() => Write("float32", """
        {"model_type":"gpt2","architectures":["GPT2LMHeadModel"],"n_embd":768,"n_layer":12,"n_head":12,"n_positions":1024,"vocab_size":50257,
         "resid_pdrop":0.0,"embd_pdrop":0.0,"attn_pdrop":0.0}
        """);

    /// <summary>The shape of BERT-base with the Chinese vocabulary, and a head for six labels.</summary>
    public static RandomModel BertBase() => Write("float32", """
        {"model_type":"bert","architectures":["BertForSequenceClassification"],"hidden_size":768,"intermediate_size":3072,"num_hidden_layers":12,
         "num_attention_heads":12,"vocab_size":21128,"max_position_embeddings":512,"type_vocab_size":2,"pad_token_id":0,"hidden_act":"gelu",
         "layer_norm_eps":1e-12,"hidden_dropout_prob":0.0,"attention_probs_dropout_prob":0.0,
         "id2label":{"0":"0","1":"1","2":"2","3":"3","4":"4","5":"5"}}
        """, ModelTask.SeqCls);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static RandomModel Write(string dtype, string config, ModelTask? task = null)
    {
        var folder = Directory.CreateTempSubdirectory("peft-bench-").FullName;
        var json = JsonNode.Parse(config)!.AsObject();
        json["dtype"] = dtype;
        File.WriteAllText(Path.Combine(folder, "config.json"), json.ToJsonString());
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        manual_seed(1);
        var type = DTypes.FloatFromName(dtype)!.Value;
        var tensors = ModelConfig.Load(folder, task).Parameters().Select(p =>
        {
            var isNorm = p.Name.Contains("norm", StringComparison.OrdinalIgnoreCase) || p.Name.Contains(".ln_", StringComparison.Ordinal);
            var random = p.Name.EndsWith(".bias", StringComparison.Ordinal) ? zeros([.. p.Shape])
                : isNorm ? ones([.. p.Shape])
                : empty([.. p.Shape]).normal_(0, 0.02);
            using (random)
                return new NamedParameter(p.Name, random.to(type, copy: true));
        }).ToList();
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
        return new RandomModel(folder);
    }
}
