using System.Runtime.CompilerServices;
using Peft.Core.Tensors;

namespace Peft.Core.Models;

/// <summary>
/// The names and shapes of a model, without a tensor: found by building the model over a <see cref="WeightSource"/> that has no values, so
/// that an architecture says only once what it is made of.
/// </summary>
public sealed class ModelOutline
{
    private static readonly ConditionalWeakTable<ModelConfig, ModelOutline> s_known = [];

    private ModelOutline(ModelConfig config)
    {
        using var model = ModelRegistry.Find(config.ModelType).Create(config, WeightSource.Outline());
        Parameters = [.. model.Parameters.Select(p => new ParameterShape(p.Name, p.Shape))];
        Linears = [.. model.Linears.Select(Shape)];
        Embeddings = [.. model.Embeddings.Select(e => new LinearShape(e.Path, (int)e.WeightParameter.Shape[0], (int)e.WeightParameter.Shape[1], HasBias: false))];
        Head = model.Head is { } head ? Shape(head) : null;
        HeadIsTied = model.Head is { } output && model.Embeddings.Any(e => e.WeightParameter == output.WeightParameter);
        Norms = [.. model.Norms.Select(n => n.Path)];
        Attentions = [.. model.Attentions.Select(a => a.Path)];
        Sublayers = [.. model.Sublayers.Select(s => (s.Path, s.Kind))];
    }

    /// <summary>Every parameter in module order, a tied head once.</summary>
    public IReadOnlyList<ParameterShape> Parameters { get; }

    /// <summary>Every linear layer in module order, without the head.</summary>
    public IReadOnlyList<LinearShape> Linears { get; }

    /// <summary>Every embedding as a table of rows by width; the first is the input embedding.</summary>
    public IReadOnlyList<LinearShape> Embeddings { get; }

    /// <summary>The head, if the task has one.</summary>
    public LinearShape? Head { get; }

    /// <summary>Whether the head's weight is an embedding's.</summary>
    public bool HeadIsTied { get; }

    /// <summary>Module paths of the norms.</summary>
    public IReadOnlyList<string> Norms { get; }

    /// <summary>Module paths of the attentions that take learned keys and values, by layer.</summary>
    public IReadOnlyList<string> Attentions { get; }

    /// <summary>Places where a sub-layer is added to the residual stream; empty where the architecture does not offer them.</summary>
    public IReadOnlyList<(string Path, SublayerKind Kind)> Sublayers { get; }

    /// <summary>The outline of a config; made once.</summary>
    public static ModelOutline Of(ModelConfig config) => s_known.GetValue(config, c => new ModelOutline(c));

    private static LinearShape Shape(LinearSite site)
    {
        var shape = site.WeightParameter.Shape;
        var (output, input) = site.Transposed ? (shape[1], shape[0]) : (shape[0], shape[1]);
        return new LinearShape(site.Path, (int)input, (int)output, site.BiasParameter is not null, site.Transposed);
    }
}
