using System.Text.Encodings.Web;
using System.Text.Json;
using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>
/// A method attached to a model. The base's own weights are never written to: detaching, disabling or unmerging gives the base back bit
/// for bit.
/// </summary>
public abstract class PeftAdapter : IDisposable
{
    private bool enabled = true;
    private bool attached = true;

    /// <summary>Binds the adapter to its model.</summary>
    protected PeftAdapter(BaseModel model, PeftConfig config)
    {
        Model = model;
        Config = config;
    }

    /// <summary>The model it is attached to.</summary>
    public BaseModel Model { get; }

    /// <summary>Its settings.</summary>
    public PeftConfig Config { get; }

    /// <summary>False gives the base model's outputs.</summary>
    public bool Enabled
    {
        get => enabled;
        set
        {
            if (enabled == value)
                return;
            enabled = value;
            if (value)
                Attach();
            else
                Remove();
        }
    }

    /// <summary>True while the change is part of the base weights.</summary>
    public bool Merged { get; private set; }

    /// <summary>Tensors that train, under their names in memory (without the adapter's own name), in order of creation.</summary>
    public abstract IReadOnlyList<NamedParameter> Trainable { get; }

    /// <summary>The numbers of the trainable line.</summary>
    public ParameterCount Count => Config.Count(Model.Config);

    /// <summary>
    /// Writes the adapter as PEFT does: <c>adapter_config.json</c> and the weights.
    /// </summary>
    /// <param name="folder">Target folder; made if missing.</param>
    /// <param name="baseModelName">What goes into <c>base_model_name_or_path</c>.</param>
    public void Save(string folder, string baseModelName)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var gradOff = no_grad();
        try
        {
            Directory.CreateDirectory(folder);
            SaveWeights(folder);
            SaveMore(folder, baseModelName);
            var json = (SavedConfig() with { BaseModelNameOrPath = baseModelName }).SavedJson(Model);
            var options = new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
            File.WriteAllText(Path.Combine(folder, PeftConfig.FileName), json.ToJsonString(options));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{folder}: the adapter cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Every trained tensor by name, as it is now (not copies): what a checkpoint has to hold.</summary>
    public IReadOnlyDictionary<string, Tensor> State() =>
        Trainable.ToDictionary(p => p.Name, p => p.Tensor, StringComparer.Ordinal);

    /// <summary>Copies values into every trained tensor.</summary>
    /// <exception cref="PeftException">A tensor is missing or has another shape.</exception>
    public void LoadState(IReadOnlyDictionary<string, Tensor> state)
    {
        ArgumentNullException.ThrowIfNull(state);
        using var gradOff = no_grad();
        Copy(state, Trainable);
    }

    /// <summary>Copies values into every tensor of <see cref="Memory"/>.</summary>
    /// <exception cref="PeftException">A tensor is missing or has another shape.</exception>
    public void LoadMemory(IReadOnlyDictionary<string, Tensor> state)
    {
        ArgumentNullException.ThrowIfNull(state);
        using var gradOff = no_grad();
        Copy(state, Memory);
    }

    private static void Copy(IReadOnlyDictionary<string, Tensor> state, IEnumerable<NamedParameter> targets)
    {
        foreach (var (name, target) in targets)
        {
            if (!state.TryGetValue(name, out var source))
                throw new PeftException($"The saved state lacks tensor '{name}'.");
            if (!source.shape.AsSpan().SequenceEqual(target.shape))
            {
                throw new PeftException(
                    $"The saved tensor '{name}' has shape [{string.Join(", ", source.shape)}], the adapter's has [{string.Join(", ", target.shape)}].");
            }

            target.copy_(source);
        }
    }

    /// <summary>Adds the change into the base weights, so that it costs nothing at inference. A second call does nothing.</summary>
    /// <param name="safe">Whether to look for infinite and undefined numbers afterwards, and to take the change out again when there are any.</param>
    /// <exception cref="PeftException">The method has nothing that could be merged, or the safe merge found broken weights.</exception>
    public void Merge(bool safe)
    {
        if (Merged)
            return;
        if (!PeftMethodRegistry.Find(Config.PeftType).CanMerge)
            throw new PeftException($"{PeftMethodRegistry.Find(Config.PeftType).DisplayName} cannot be merged into the base weights.");
        using var gradOff = no_grad();
        MergeWeights();
        Merged = true;
        if (!safe)
            return;
        foreach (var parameter in Model.Parameters.Where(p => p.Quantized is null))
        {
            using var scope = NewDisposeScope();
            if (parameter.Value.isfinite().all().item<bool>())
                continue;
            Unmerge();
            throw new PeftException($"'{parameter.Name}' would hold infinite or undefined numbers after merging; the adapter is broken and was not merged.");
        }
    }

    /// <summary>As <see cref="Merge(bool)"/> without the search for broken numbers.</summary>
    public void Merge() => Merge(safe: false);

    /// <summary>Takes a merged change out again, bit for bit. Without effect when not merged.</summary>
    public void Unmerge()
    {
        if (!Merged)
            return;
        UnmergeWeights();
        Merged = false;
    }

    /// <summary>Tensors beside the trained ones that a checkpoint has to hold to go on exactly; written to in place.</summary>
    public virtual IReadOnlyList<NamedParameter> Memory => [];

    /// <summary>The rank that each adapted module has now, where a method moves ranks between modules; null elsewhere.</summary>
    public virtual IReadOnlyDictionary<string, int>? Ranks => null;

    /// <summary>Training with this many optimizer steps is about to begin or to go on.</summary>
    public virtual void Plan(int totalSteps)
    {
    }

    /// <summary>What the method adds to the loss of a step, a scalar; null for nothing. It is no part of a measured loss.</summary>
    public virtual Tensor? Penalty() => null;

    /// <summary>Gradients are complete; the optimizer multiplies them by this factor on the way (clipping).</summary>
    public virtual void BeforeStep(double gradientFactor)
    {
    }

    /// <summary>The optimizer has made its step number <paramref name="step"/> (as the method counts).</summary>
    /// <returns>True when ranks may have changed.</returns>
    public virtual bool AfterStep(int step) => false;

    /// <summary>Takes the adapter off the model and frees it.</summary>
    public void Detach() => Dispose();

    /// <inheritdoc />
    public void Dispose()
    {
        if (attached)
        {
            attached = false;
            Unmerge();
            if (enabled)
                Remove();
            Free();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Puts the adapter into the model's slots.</summary>
    protected abstract void Attach();

    /// <summary>Takes the adapter out of the model's slots.</summary>
    protected abstract void Remove();

    /// <summary>Frees the adapter's tensors.</summary>
    protected abstract void Free();

    /// <summary>Writes the weights into a folder.</summary>
    protected abstract void SaveWeights(string folder);

    /// <summary>Writes what a format has beside weights and config.</summary>
    protected virtual void SaveMore(string folder, string baseModelName)
    {
    }

    /// <summary>The config as it is saved, with everything filled in that the model decided.</summary>
    protected virtual PeftConfig SavedConfig() => Config;

    /// <summary>Adds the change into the base weights.</summary>
    protected virtual void MergeWeights()
    {
    }

    /// <summary>Restores the base weights.</summary>
    protected virtual void UnmergeWeights()
    {
    }
}
