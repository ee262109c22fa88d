using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.AdaLora;

/// <summary>
/// Decides which singular values live: keeps a running mean of every weight's importance |weight · gradient| and of how much it varies, and
/// at set steps zeroes the singular values whose product of both, with that of their row of A and column of B, is among the lowest of all
/// modules together. Zeroed values may come back at the next allocation.
/// </summary>
internal sealed class RankAllocator : IDisposable
{
    private const string MemoryPrefix = "adalora.";

    private readonly AdaLoraConfig config;
    private readonly IReadOnlyList<AdaLoraLinear> layers;
    private readonly List<Item> items = [];
    private readonly Tensor[] masks; // per module [init_r], 1 for what lives
    private readonly Tensor decided; // 1 once there was an allocation

    public RankAllocator(AdaLoraConfig config, IReadOnlyList<AdaLoraLinear> layers)
    {
        this.config = config;
        this.layers = layers;
        foreach (var (name, tensor) in layers.SelectMany(l => l.Trainable))
            items.Add(new Item(name, tensor, zeros_like(tensor).DetachFromDisposeScope(), zeros_like(tensor).DetachFromDisposeScope()));
        masks = [.. layers.Select(l => ones([l.E.shape[0]], ScalarType.Float32, l.E.device).DetachFromDisposeScope())];
        decided = zeros([1]).DetachFromDisposeScope();
    }

    /// <summary>The steps that the schedule is laid out for; 0 while unknown.</summary>
    public int TotalSteps { get; set; }

    /// <summary>Everything that a checkpoint has to hold.</summary>
    public IReadOnlyList<NamedParameter> Memory =>
    [
        .. items.SelectMany(i => new[] { new NamedParameter($"{MemoryPrefix}importance.{i.Name}", i.Importance), new NamedParameter($"{MemoryPrefix}uncertainty.{i.Name}", i.Uncertainty) }),
        .. layers.Select((l, i) => new NamedParameter($"{MemoryPrefix}mask.{l.Path}", masks[i])),
        new NamedParameter(MemoryPrefix + "decided", decided),
    ];

    /// <summary>Singular values left in each module.</summary>
    public IReadOnlyDictionary<string, int> Ranks => Pattern is { } pattern
        ? pattern.ToDictionary(p => p.Key, p => p.Value.Count(k => k), StringComparer.Ordinal)
        : layers.ToDictionary(l => l.Path, l => (int)l.E.shape[0], StringComparer.Ordinal);

    /// <summary>Which singular values of each module live, by module path; null before the first allocation.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<bool>>? Pattern => decided.item<float>() == 0
        ? null
        : layers.Select((l, i) => (l.Path, Kept: (IReadOnlyList<bool>)[.. Values(masks[i]).Select(v => v != 0)])).ToDictionary(p => p.Path, p => p.Kept, StringComparer.Ordinal);

    /// <summary>The budget of singular values at a step and whether the step allocates.</summary>
    public (int Budget, bool Allocates) Schedule(int step)
    {
        var (initial, target) = (config.InitR * layers.Count, config.TargetR * layers.Count);
        if (step <= config.Tinit)
            return (initial, false);
        if (step > TotalSteps - config.Tfinal)
            return (target, true);
        var left = 1 - ((double)(step - config.Tinit) / (TotalSteps - config.Tfinal - config.Tinit));
        return ((int)(((initial - target) * Math.Pow(left, 3)) + target), step % config.DeltaT == 0);
    }

    /// <summary>Keeps the gradients that the optimizer is about to use and clear.</summary>
    public void Remember(double factor)
    {
        using var gradOff = no_grad();
        foreach (var item in items)
        {
            using var gradient = item.Tensor.grad;
            item.Gradient?.Dispose();
            item.Gradient = gradient is null ? null : (gradient * factor).DetachFromDisposeScope();
        }
    }

    /// <summary>PEFT's <c>update_and_allocate</c>, behind an optimizer step.</summary>
    /// <returns>True when there was an allocation.</returns>
    public bool Allocate(int step)
    {
        using var gradOff = no_grad();
        var last = TotalSteps - config.Tfinal;
        if (step > last)
        {
            Apply();
            return false;
        }

        if (step < last)
            Weigh();
        var (budget, allocates) = Schedule(step);
        if (!allocates && step != last)
            return false;
        Choose(budget);
        Apply();
        if (step == last)
        {
            foreach (var item in items)
            {
                item.Importance.zero_();
                item.Uncertainty.zero_();
            }
        }

        return true;
    }

    public void Dispose()
    {
        foreach (var item in items)
        {
            item.Importance.Dispose();
            item.Uncertainty.Dispose();
            item.Gradient?.Dispose();
        }

        foreach (var mask in masks)
            mask.Dispose();
        decided.Dispose();
    }

    private static float[] Values(Tensor tensor)
    {
        using var cpu = tensor.cpu();
        return cpu.data<float>().ToArray();
    }

    private void Weigh()
    {
        foreach (var item in items)
        {
            if (item.Gradient is null)
                continue;
            using var scope = NewDisposeScope();
            var now = (item.Tensor * item.Gradient).abs();
            item.Importance.copy_((item.Importance * config.Beta1) + (now * (1 - config.Beta1)));
            item.Uncertainty.copy_((item.Uncertainty * config.Beta2) + ((now - item.Importance).abs() * (1 - config.Beta2)));
            scope.Detach(item.Importance, item.Uncertainty);
        }
    }

    private void Choose(int budget)
    {
        using var scope = NewDisposeScope();
        var scores = new Tensor[layers.Count];
        for (var i = 0; i < scores.Length; i++)
        {
            var (a, e, b) = (items[3 * i].Score(), items[(3 * i) + 1].Score(), items[(3 * i) + 2].Score());
            scores[i] = e.view(-1) + cat([a.mean([1], keepdim: true), b.mean([0]).view(-1, 1)], 1).sum(1); // [init_r]
        }

        var dead = (config.InitR * layers.Count) - budget;
        var (threshold, _) = cat(scores).kthvalue(dead, -1);
        for (var i = 0; i < scores.Length; i++)
            masks[i].copy_(scores[i].gt(threshold));
        decided.fill_(1);
    }

    private void Apply()
    {
        if (decided.item<float>() == 0)
            return;
        for (var i = 0; i < layers.Count; i++)
        {
            using var dead = masks[i].eq(0).view(-1, 1);
            layers[i].E.masked_fill_(dead, 0);
        }
    }

    private sealed class Item(string name, Tensor tensor, Tensor importance, Tensor uncertainty)
    {
        public string Name { get; } = name;

        public Tensor Tensor { get; } = tensor;

        public Tensor Importance { get; } = importance;

        public Tensor Uncertainty { get; } = uncertainty;

        public Tensor? Gradient { get; set; }

        public Tensor Score() => Importance * Uncertainty;
    }
}
