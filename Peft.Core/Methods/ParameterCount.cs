using System.Globalization;

namespace Peft.Core.Methods;

/// <summary>How many parameters train, of how many.</summary>
/// <param name="Trainable">Parameters that train.</param>
/// <param name="All">Parameters of base and adapter together, tied ones once.</param>
public sealed record ParameterCount(long Trainable, long All)
{
    /// <summary>Share of the trained ones, 0 to 100.</summary>
    public double Percent => All == 0 ? 0 : 100.0 * Trainable / All;

    /// <summary>The line that PEFT's <c>print_trainable_parameters</c> prints.</summary>
    public string Line => string.Create(
        CultureInfo.InvariantCulture,
        $"trainable params: {Trainable:N0} || all params: {All:N0} || trainable%: {Percent:F4}");
}
