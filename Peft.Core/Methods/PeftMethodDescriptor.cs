using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>How a method changes a model.</summary>
public enum PeftFamily
{
    /// <summary>Adds a low-dimensional change to existing weights.</summary>
    Reparameterization,

    /// <summary>Adds new parts to the model.</summary>
    Addition,

    /// <summary>Trains a chosen part of the existing weights.</summary>
    Specification,

    /// <summary>Trains everything.</summary>
    Full,
}

/// <summary>What the methods of a family do alike: the second fork of the tree that they are taught by.</summary>
public enum PeftBranch
{
    /// <summary>The family has no second fork.</summary>
    None,

    /// <summary>Small networks between the parts of the base.</summary>
    Networks,

    /// <summary>Learned vectors in front of the text.</summary>
    Prompts,

    /// <summary>Learned factors on what flows through the base.</summary>
    Factors,

    /// <summary>The change as a product of two thin matrices.</summary>
    LowRank,

    /// <summary>The change as an elementwise or Kronecker product of small matrices.</summary>
    Products,

    /// <summary>The change as a rotation of the weight.</summary>
    Rotations,
}

/// <summary>What kind of value an option takes.</summary>
public enum PeftOptionKind
{
    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number.</summary>
    Number,

    /// <summary>Yes or no.</summary>
    Flag,

    /// <summary>One of a few texts.</summary>
    Choice,

    /// <summary>Module names, a regular expression, or <c>all-linear</c>.</summary>
    Modules,

    /// <summary>A text.</summary>
    Text,

    /// <summary>A list of names.</summary>
    Names,

    /// <summary>A list of whole numbers.</summary>
    Integers,

    /// <summary>Names with a number each.</summary>
    Map,
}

/// <summary>One option of a method, described once for UI, command line and documentation.</summary>
/// <param name="Name">Field name in <c>adapter_config.json</c>.</param>
/// <param name="Kind">Kind of value.</param>
/// <param name="Help">What it does, in English.</param>
public sealed record PeftOption(string Name, PeftOptionKind Kind, string Help)
{
    /// <summary>Default as JSON; null means that the method decides.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>Smallest value, if there is one.</summary>
    public double? Minimum { get; init; }

    /// <summary>Largest value, if there is one.</summary>
    public double? Maximum { get; init; }

    /// <summary>Possible values of a choice.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>True for options that few people need.</summary>
    public bool Advanced { get; init; }

    /// <summary>Stable key under which the UI keeps translations of the help.</summary>
    public string HelpKey { get; init; } = "";
}

/// <summary>The format that a method's adapters are saved in.</summary>
public enum PeftFormat
{
    /// <summary>Hugging Face PEFT's.</summary>
    Peft,

    /// <summary>AdapterHub's.</summary>
    AdapterHub,

    /// <summary>The trained parameters under the base's own names; no other library has a format for them.</summary>
    BaseParameters,
}

/// <summary>Everything the workbench knows about a method: one entry of the registry.</summary>
public sealed record PeftMethodDescriptor
{
    /// <summary>Name in configs, e.g. <c>LORA</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Name for people, e.g. <c>LoRA</c>.</summary>
    public required string DisplayName { get; init; }

    /// <summary>How it changes the model.</summary>
    public required PeftFamily Family { get; init; }

    /// <summary>Its place inside the family.</summary>
    public PeftBranch Branch { get; init; }

    /// <summary>What it does, in English, one or two sentences.</summary>
    public required string Summary { get; init; }

    /// <summary>Where it was described.</summary>
    public required Uri Paper { get; init; }

    /// <summary>Type of its config record.</summary>
    public required Type ConfigType { get; init; }

    /// <summary>Its options in display order.</summary>
    public required IReadOnlyList<PeftOption> Options { get; init; }

    /// <summary>Whether its change can be added into the base weights.</summary>
    public required bool CanMerge { get; init; }

    /// <summary>Parameters of the smallest base on which published results find it level with other methods; 0 where size does not matter.</summary>
    public long UsefulFrom { get; init; }

    /// <summary>Names of methods that come nearest to it, for bases on which it makes no sense.</summary>
    public IReadOnlyList<string> Nearest { get; init; } = [];

    /// <summary>The format that it is saved in.</summary>
    public PeftFormat Format { get; init; }

    /// <summary>Whether it moves ranks between modules while it trains, and says so in events.</summary>
    public bool MovesRanks { get; init; }

    /// <summary>Whether the base must compute in float32, because its own weights train.</summary>
    public bool NeedsFloat32Base { get; init; }

    /// <summary>Whether a config without <c>peft_type</c> is this method's, in a format of its own.</summary>
    public Func<JsonObject, bool> Recognises { get; init; } = _ => false;

    /// <summary>Reads its config.</summary>
    public required Func<JsonObject, PeftConfig> ReadConfig { get; init; }

    /// <summary>Attaches a new adapter: draws initial values from the tensor library's generator in PEFT's order.</summary>
    public required Func<BaseModel, PeftConfig, PeftAdapter> Create { get; init; }

    /// <summary>Attaches an adapter saved in a folder, for inference.</summary>
    public required Func<BaseModel, PeftConfig, string, PeftAdapter> Load { get; init; }
}
