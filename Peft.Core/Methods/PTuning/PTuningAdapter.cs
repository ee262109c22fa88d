using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Methods.PTuning;

/// <summary>P-tuning attached to a model. Saved is what the network makes, so a saved adapter answers but does not go on learning.</summary>
internal sealed class PTuningAdapter : SoftPromptAdapter
{
    private readonly PromptNetwork network;

    private PTuningAdapter(BaseModel model, PTuningConfig config, PromptNetwork network, bool train)
        : base(model, config, network.Parameters, train) => this.network = network;

    public static PTuningAdapter Create(BaseModel model, PTuningConfig config) => new(model, config, new PromptNetwork(config, model), train: true);

    public static PTuningAdapter Load(BaseModel model, PTuningConfig config, string folder)
    {
        Check(model, config, folder);
        var table = zeros([config.TableRows, SoftPromptConfig.Width(model.Config)], ScalarType.Float32, model.Device).DetachFromDisposeScope();
        var adapter = new PTuningAdapter(model, config, new PromptNetwork(table), train: false);
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

    protected override Tensor Table() => network.Table(Model.Training);

    protected override Tensor SavedTable() => network.Table(training: false);

    protected override void Free()
    {
        base.Free();
        network.Dispose();
    }
}
