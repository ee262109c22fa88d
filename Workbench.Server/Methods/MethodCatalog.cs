using Peft.Core.Methods;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

/// <summary>The engine's registry of methods as the form shows it, with the workbench's defaults, and the baseline without training.</summary>
public static class MethodCatalog
{
    /// <summary>Every method in display order, the baseline last.</summary>
    public static IReadOnlyList<MethodDto> All { get; } = [.. PeftMethodRegistry.All.Select(Describe), Baseline()];

    /// <summary>The family that lists and charts group by.</summary>
    public static MethodFamily FamilyOf(string peftType) =>
        peftType == TrainingDefaults.Baseline ? MethodFamily.None : Family(PeftMethodRegistry.Find(peftType).Family);

    /// <summary>True for names that <see cref="All"/> holds.</summary>
    public static bool Knows(string peftType) => peftType == TrainingDefaults.Baseline || PeftMethodRegistry.TryFind(peftType) is not null;

    private static MethodDto Describe(PeftMethodDescriptor method)
    {
        var preset = TrainingDefaults.Preset(method.Name);
        var defaults = TrainingDefaults.Options(method.Name);
        var options = method.Options.Select(option => new MethodOptionDto(
            option.Name,
            Kind(option.Kind),
            (defaults.ContainsKey(option.Name) ? defaults[option.Name] : option.Default)?.ToJsonString() ?? "null",
            option.Minimum,
            option.Maximum,
            option.Choices,
            preset.Reasons.TryGetValue(option.Name, out var reason) ? $"{option.Help} {reason}" : option.Help,
            option.Advanced));
        return new MethodDto(method.Name, method.DisplayName, Family(method.Family), method.Summary, method.Paper.ToString(), [.. options], preset)
        {
            Branch = method.Branch.ToString(),
            CanMerge = method.CanMerge,
        };
    }

    private static MethodDto Baseline() => new(
        TrainingDefaults.Baseline,
        "Zero-shot",
        MethodFamily.None,
        "Trains nothing: the base model answers as it is. The floor that every method has to rise above.",
        "",
        [],
        TrainingDefaults.Preset(TrainingDefaults.Baseline));

    private static MethodFamily Family(PeftFamily family) => family switch
    {
        PeftFamily.Addition => MethodFamily.Addition,
        PeftFamily.Specification => MethodFamily.Specification,
        PeftFamily.Reparameterization => MethodFamily.Reparameterization,
        _ => MethodFamily.Full,
    };

    private static OptionKind Kind(PeftOptionKind kind) => kind switch
    {
        PeftOptionKind.Integer => OptionKind.Integer,
        PeftOptionKind.Number => OptionKind.Number,
        PeftOptionKind.Flag => OptionKind.Flag,
        PeftOptionKind.Choice => OptionKind.Choice,
        PeftOptionKind.Names or PeftOptionKind.Integers => OptionKind.TextList,
        _ => OptionKind.Text,
    };
}
