using System.Globalization;

namespace Workbench.Client.Features.Runs;

/// <summary>Numbers as the pages show them, in the language of the page.</summary>
public static class Numbers
{
    public const string None = "–";

    public static string Loss(double? value) => value switch
    {
        null => None,
        { } number when double.IsNaN(number) => "NaN",
        { } number when double.IsInfinity(number) => "∞",
        { } number when Math.Abs(number) >= 100 => number.ToString("#,0", CultureInfo.CurrentCulture),
        { } number => number.ToString(Math.Abs(number) < 0.1 ? "0.0000" : "0.000", CultureInfo.CurrentCulture),
    };

    public static string Score(double? value) => value is { } number ? number.ToString("0.000", CultureInfo.CurrentCulture) : None;

    public static string Whole(long? value) => value is { } number ? number.ToString("#,0", CultureInfo.CurrentCulture) : None;

    public static string Percent(double? value) => value is { } number ? number.ToString("0.####", CultureInfo.CurrentCulture) + " %" : None;

    public static string Share(long? part, long? whole) =>
        part is { } some && whole is > 0 ? (100.0 * some / whole.Value).ToString(some == whole ? "0" : "0.000", CultureInfo.CurrentCulture) + " %" : None;

    public static string Rate(double? value) =>
        value is not { } number ? None
        : number != 0 && Math.Abs(number) < 0.001 ? number.ToString("0.##e-0", CultureInfo.CurrentCulture)
        : number.ToString(Math.Abs(number) >= 100 ? "#,0" : "0.####", CultureInfo.CurrentCulture);

    public static string Bytes(long? value)
    {
        if (value is not { } bytes)
            return None;
        string[] units = ["B", "KB", "MB", "GB", "TB"];
        var size = (double)bytes;
        var unit = 0;
        for (; size >= 1024 && unit < units.Length - 1; unit++)
            size /= 1024;
        return size.ToString(unit == 0 || size >= 100 ? "0" : "0.0", CultureInfo.CurrentCulture) + " " + units[unit];
    }

    public static string Duration(double? seconds)
    {
        if (seconds is not { } length || !double.IsFinite(length))
            return None;
        if (length < 60)
            return length.ToString(length < 10 ? "0.0" : "0", CultureInfo.CurrentCulture) + " s";
        var span = TimeSpan.FromSeconds(Math.Min(Math.Round(length), TimeSpan.MaxValue.TotalSeconds / 2));
        return span.TotalHours >= 1
            ? $"{(int)span.TotalHours}:{span.Minutes:00}:{span.Seconds:00}"
            : $"{span.Minutes}:{span.Seconds:00}";
    }
}
