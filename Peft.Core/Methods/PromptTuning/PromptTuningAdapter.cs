using Peft.Core.Models;
using Peft.Core.Tensors;
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
        return new PromptTuningAdapter(model, config, Place(PromptStart.Draw(model, config.TableRows, config.PromptTuningInit, config.PromptTuningInitText), model.Device), train: true);
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
}
