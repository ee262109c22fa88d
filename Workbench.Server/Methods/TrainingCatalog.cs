using Peft.Core.Training;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

/// <summary>The engine's training arguments as the form shows them.</summary>
public static class TrainingCatalog
{
    /// <summary>Every argument in display order.</summary>
    public static IReadOnlyList<MethodOptionDto> All { get; } = [.. TrainingOption.All.Select(Describe)];

    private static MethodOptionDto Describe(TrainingOption option) =>
        new(option.Name, Kind(option), option.Default?.ToJsonString() ?? "null", null, null, option.Choices, option.Help, Advanced: true) { Group = option.Group.ToString() };

    private static OptionKind Kind(TrainingOption option)
    {
        var type = Nullable.GetUnderlyingType(option.Type) ?? option.Type;
        return option.Choices.Count > 0 ? OptionKind.Choice
            : type == typeof(bool) ? OptionKind.Flag
            : type == typeof(int) ? OptionKind.Integer
            : type == typeof(double) ? OptionKind.Number
            : OptionKind.Text;
    }
}
