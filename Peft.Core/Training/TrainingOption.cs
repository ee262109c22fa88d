using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Training;

/// <summary>The parts that training arguments are shown in.</summary>
public enum TrainingOptionGroup
{
    /// <summary>How much is learnt: rate, steps, batches.</summary>
    Course,

    /// <summary>How weights are changed.</summary>
    Optimizer,

    /// <summary>What is done against learning by heart.</summary>
    Regularisation,

    /// <summary>How records become batches.</summary>
    Records,

    /// <summary>When it is measured and what is kept.</summary>
    Measuring,

    /// <summary>Memory against time.</summary>
    Memory,

    /// <summary>What is watched and written beside.</summary>
    Watching,
}

/// <summary>Says what a training argument is, for help and forms.</summary>
/// <param name="group">Where it belongs.</param>
/// <param name="help">One or two plain sentences.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TrainingOptionAttribute(TrainingOptionGroup group, string help) : Attribute
{
    /// <summary>Where it belongs.</summary>
    public TrainingOptionGroup Group { get; } = group;

    /// <summary>One or two plain sentences.</summary>
    public string Help { get; } = help;

    /// <summary>The values it can have, separated by spaces; empty where it is free.</summary>
    public string Choices { get; init; } = "";
}

/// <summary>A training argument as forms and help enumerate it.</summary>
/// <param name="Name">Its name in JSON and on the command line.</param>
/// <param name="Type">Type of its value.</param>
/// <param name="Group">Where it belongs.</param>
/// <param name="Help">What it does.</param>
/// <param name="Choices">The values it can have; empty where it is free.</param>
/// <param name="Default">Value where nothing is given; null for none.</param>
public sealed record TrainingOption(string Name, Type Type, TrainingOptionGroup Group, string Help, IReadOnlyList<string> Choices, JsonNode? Default)
{
    /// <summary>Every training argument in the order of <see cref="TrainingArguments"/>.</summary>
    public static IReadOnlyList<TrainingOption> All { get; } = [.. Describe()];

    private static IEnumerable<TrainingOption> Describe()
    {
        var defaults = new TrainingArguments();
        foreach (var property in typeof(TrainingArguments).GetProperties().Where(p => p.CanWrite))
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            var said = (TrainingOptionAttribute?)Attribute.GetCustomAttribute(property, typeof(TrainingOptionAttribute)) ?? new TrainingOptionAttribute(TrainingOptionGroup.Course, "");
            IReadOnlyList<string> choices = name switch
            {
                "optim" => Optimizers.OptimizerChoice.Names,
                "prompt_format" => Tokenization.PromptTemplate.Formats,
                "lr_scheduler_type" => LearningRateSchedule.TrainingNames,
                _ when property.PropertyType.IsEnum => [.. Enum.GetNames(property.PropertyType).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)],
                _ => said.Choices.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            };
            yield return new TrainingOption(name, property.PropertyType, said.Group, said.Help, choices, JsonSerializer.SerializeToNode(property.GetValue(defaults), Runs.RunRequest.Json));
        }
    }
}
