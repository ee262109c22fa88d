using Peft.Core.Models;
using Peft.Core.Tensors;
using Peft.Core.Tokenization;
using static TorchSharp.torch;

namespace Peft.Core.Methods.PromptTuning;

/// <summary>Prompt tuning attached to a model: the table itself trains.</summary>
internal sealed class PromptTuningAdapter : SoftPromptAdapter
{
    /// <summary>Name in memory.</summary>
    public const string TableName = "prompt_encoder.embedding.weight";

    private PromptTuningAdapter(BaseModel model, PromptTuningConfig config, Tensor table, bool train)
        : base(model, config, [new NamedParameter(TableName, table)], train)
    {
    }

    public static PromptTuningAdapter Create(BaseModel model, PromptTuningConfig config)
    {
        using var gradOff = no_grad();
        return new PromptTuningAdapter(model, config, Place(Draw(model, config), model.Device), train: true);
    }

    public static PromptTuningAdapter Load(BaseModel model, PromptTuningConfig config, string folder)
    {
        Check(model, config, folder);
        var table = zeros([config.TableRows, SoftPromptConfig.Width(model.Config)], ScalarType.Float32, model.Device).DetachFromDisposeScope();
        var adapter = new PromptTuningAdapter(model, config, table, train: false);
        try
        {
            adapter.Read(folder);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    protected override Tensor Table() => Prompt[0].Tensor.alias();

    /// <summary>PEFT draws a fresh embedding first, whatever replaces it.</summary>
    private static Tensor Draw(BaseModel model, PromptTuningConfig config)
    {
        var table = Initialization.Normal(config.TableRows, SoftPromptConfig.Width(model.Config));
        switch (config.PromptTuningInit)
        {
            case "SAMPLE_VOCAB":
                using (var ids = randint(0, model.Embedding.Weight.shape[0], [config.TableRows], ScalarType.Int64))
                    Start(table, model, ids);
                break;
            case "TEXT":
                var words = PretrainedTokenizer.Load(model.Folder).Encode(config.PromptTuningInitText!, addSpecialTokens: true);
                if (words.Length == 0)
                    throw new PeftException($"prompt_tuning_init_text: the tokenizer of this base makes no token of '{config.PromptTuningInitText}'.");
                using (var ids = tensor(Enumerable.Range(0, config.TableRows).Select(i => (long)words[i % words.Length]).ToArray()))
                    Start(table, model, ids);
                break;
            default:
                break;
        }

        return table;
    }

    private static void Start(Tensor table, BaseModel model, Tensor ids)
    {
        using var scope = NewDisposeScope();
        table.copy_(model.Embedding.Weight.index_select(0, ids.to(model.Device)));
        scope.Detach(table);
    }
}
