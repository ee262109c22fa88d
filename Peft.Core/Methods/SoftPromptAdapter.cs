using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>
/// Learned vectors attached in front of the text. Virtual token i has the id −1 − i; where the input embedding meets a negative id it takes
/// the row of the method's table. Saved is the table, with the head of the task.
/// </summary>
internal abstract class SoftPromptAdapter : PeftAdapter, ISoftPromptSource
{
    private const string WeightsFile = "adapter_model.safetensors";
    private const string TableName = "prompt_embeddings";

    private readonly SoftPromptConfig config;
    private readonly TrainedBaseParameters head;

    /// <summary>Attaches to a model; what makes the prompt is drawn by the caller.</summary>
    protected SoftPromptAdapter(BaseModel model, SoftPromptConfig config, IReadOnlyList<NamedParameter> prompt, bool train)
        : base(model, config)
    {
        this.config = config;
        Prompt = prompt;
        using (no_grad())
            head = TaskHead.Train(model, config.TaskType, TaskHead.PromptPrefix, train);
        Trainable = [.. head.Trainable, .. prompt];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    /// <inheritdoc />
    public int Length => config.NumVirtualTokens;

    /// <inheritdoc />
    public virtual int DecoderLength => 0;

    /// <inheritdoc />
    public virtual Tensor DecoderIds(long rows) => throw new InvalidOperationException("This prompt has nothing for a decoder.");

    /// <summary>What makes the prompt.</summary>
    protected IReadOnlyList<NamedParameter> Prompt { get; }

    /// <inheritdoc />
    public virtual Tensor Ids(long rows) => arange(-1, -Length - 1, -1, ScalarType.Int64).expand(rows, -1);

    /// <inheritdoc />
    public Tensor Forward(EmbeddingSite site, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(site);
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        if (ids.numel() == 0 || ids.min().item<long>() >= 0)
            return site.Base(ids).MoveToOuterDisposeScope(); // a later step, or the decoder of an encoder-decoder
        var words = site.Base(ids.clamp_min(0)); // [N, C]
        var learned = Table().to(words.dtype).index_select(0, (-ids - 1).clamp_min(0));
        return where(ids.lt(0).unsqueeze(-1), learned, words).MoveToOuterDisposeScope();
    }

    /// <summary>The rows of all virtual tokens, [rows, C] in float32, made from what trains.</summary>
    protected abstract Tensor Table();

    /// <summary>What the file holds beside the head.</summary>
    protected virtual IEnumerable<NamedParameter> SavedPrompt(Tensor table) => [new NamedParameter(TableName, table)];

    /// <summary>Reads the table (or what stands for it) and the head.</summary>
    protected void Read(string folder, params (Tensor Target, string Name)[] more)
    {
        using var file = AdapterFile.Open(folder, WeightsFile);
        file.CopyInto(Prompt[0].Tensor, TableName);
        foreach (var (target, name) in more)
            file.CopyInto(target, name);
        foreach (var (name, tensor) in head.Trainable)
            file.CopyInto(tensor, name);
        file.CheckAllUsed(_ => false);
    }

    /// <summary>Checks a saved config against the base.</summary>
    protected static void Check(BaseModel model, SoftPromptConfig config, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate(model.Config).ThrowIfInvalid(folder);
    }

    /// <summary>A fresh tensor on the model's device that trains.</summary>
    protected static Tensor Place(Tensor drawn, Device device, bool train = true)
    {
        ArgumentNullException.ThrowIfNull(drawn);
        var tensor = drawn.to(device).DetachFromDisposeScope();
        if (!ReferenceEquals(tensor, drawn))
            drawn.Dispose();
        tensor.requires_grad = train;
        return tensor;
    }

    protected override void Attach()
    {
        if (Model.SoftPrompt is not null && Model.SoftPrompt != this)
            throw new PeftException("The model already carries a prompt; detach it first.");
        Model.SoftPrompt = this;
        Model.Embedding.Adapter = this;
        head.Attach();
    }

    protected override void Remove()
    {
        Model.SoftPrompt = null;
        Model.Embedding.Adapter = null;
        head.Remove();
    }

    protected override void Free()
    {
        foreach (var (_, tensor) in Prompt)
            tensor.Dispose();
        head.Dispose();
    }

    protected override PeftConfig SavedConfig() => config.FilledFor(Model.Config);

    protected override void SaveWeights(string folder)
    {
        using var table = SavedTable();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [.. head.Trainable, .. SavedPrompt(table)]);
    }

    /// <summary>What is saved as the table.</summary>
    protected virtual Tensor SavedTable() => Table();
}
