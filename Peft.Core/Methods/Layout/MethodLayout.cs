using Peft.Core.Models;

namespace Peft.Core.Methods.Layout;

/// <summary>What a module of the base is.</summary>
public enum ModuleKind
{
    /// <summary>Anything else with parameters.</summary>
    Other,

    /// <summary>A table of vectors.</summary>
    Embedding,

    /// <summary>A matrix product.</summary>
    Linear,

    /// <summary>A norm.</summary>
    Norm,

    /// <summary>What stands at the end and makes the outputs.</summary>
    Head,
}

/// <summary>A tensor that a method adds.</summary>
/// <param name="Name">What stands behind the place in its name, e.g. <c>lora_A.weight</c>.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Count">Number of elements.</param>
public sealed record LayoutTensor(string Name, IReadOnlyList<long> Shape, long Count);

/// <summary>A module of the base and what a method trains there.</summary>
/// <param name="Name">Name inside its group; the whole path outside the layers.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Shape">Sizes of its weight.</param>
/// <param name="Parameters">Its parameters; 0 for a head whose weight is the embedding's.</param>
/// <param name="Trained">How many of them train in place.</param>
/// <param name="Added">What is added at it.</param>
public sealed record LayoutModule(string Name, ModuleKind Kind, IReadOnlyList<long> Shape, long Parameters, long Trained, IReadOnlyList<LayoutTensor> Added);

/// <summary>Modules that belong together, e.g. an attention.</summary>
/// <param name="Name">Path inside the layer; empty for modules that stand alone.</param>
/// <param name="Repeats">How often it is there in a row, e.g. the experts of a mixture.</param>
/// <param name="Modules">Its modules.</param>
/// <param name="Added">What is added beside the group as a whole.</param>
public sealed record LayoutGroup(string Name, int Repeats, IReadOnlyList<LayoutModule> Modules, IReadOnlyList<LayoutTensor> Added)
{
    /// <summary>Whether it is an attention, which sees <see cref="MethodLayout.Attention"/>.</summary>
    public bool IsAttention { get; init; }
}

/// <summary>Layers in a row that are alike, or what stands outside the layers.</summary>
/// <param name="Path">Path of the list of layers; empty outside.</param>
/// <param name="First">Number of the first layer, from 0; -1 outside.</param>
/// <param name="Count">How many layers are alike.</param>
/// <param name="Groups">What one of them is made of.</param>
public sealed record LayoutPart(string Path, int First, int Count, IReadOnlyList<LayoutGroup> Groups);

/// <summary>A base with a method on it as a picture shows it: what is there, what trains, and how many numbers that are. Needs no tensors.</summary>
/// <param name="Count">The numbers of the trainable line.</param>
/// <param name="Input">What stands in front of the text.</param>
/// <param name="Attention">What every attention sees in front of the text.</param>
/// <param name="Parts">The base from the input to the output.</param>
public sealed record MethodLayout(ParameterCount Count, IReadOnlyList<LayoutTensor> Input, IReadOnlyList<LayoutTensor> Attention, IReadOnlyList<LayoutPart> Parts)
{
    /// <summary>The picture of a method on a base.</summary>
    /// <param name="model">The base.</param>
    /// <param name="config">Valid settings; null shows the base alone.</param>
    public static MethodLayout Of(ModelConfig model, PeftConfig? config)
    {
        ArgumentNullException.ThrowIfNull(model);
        var builder = new LayoutBuilder(model);
        foreach (var shape in config?.TrainableShapes(model) ?? [])
            builder.Add(shape, config!.Place);
        var count = config?.Count(model) ?? new ParameterCount(0, model.ParameterCount());
        return new MethodLayout(count, builder.Input, builder.Attention, builder.Parts());
    }
}
