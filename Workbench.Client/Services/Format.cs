using System.Globalization;
using Microsoft.Extensions.Localization;
using Workbench.Client.Features.Runs;
using Workbench.Client.Shared;

namespace Workbench.Client.Services;

/// <summary>Numbers and dates in the language of the page.</summary>
public sealed class Format(IStringLocalizer<SharedText> text, TimeProvider clock)
{
    public string Whole(long value) => Numbers.Whole(value);

    public string Bytes(long value) => Numbers.Bytes(value);

    /// <summary>Large counts as people say them: 7.9 M, in Chinese 789 万.</summary>
    public string Short(long value)
    {
        var culture = CultureInfo.CurrentCulture;
        if (culture.TwoLetterISOLanguageName == "zh")
        {
            return value >= 100_000_000 ? (value / 1e8).ToString("0.##", culture) + " 亿"
                : value >= 10_000 ? (value / 1e4).ToString(value >= 1_000_000 ? "0" : "0.#", culture) + " 万"
                : Whole(value);
        }

        return value >= 1_000_000_000 ? (value / 1e9).ToString("0.##", culture) + " B"
            : value >= 1_000_000 ? (value / 1e6).ToString("0.#", culture) + " M"
            : value >= 10_000 ? (value / 1e3).ToString("0.#", culture) + " K"
            : Whole(value);
    }

    public string Date(DateTimeOffset moment) => moment.ToLocalTime().ToString("g", CultureInfo.CurrentCulture);

    /// <summary>"5 min ago" within a week, the date after it.</summary>
    public string Ago(DateTimeOffset moment)
    {
        var past = clock.GetUtcNow() - moment;
        return past.TotalMinutes < 1 ? text["justNow"]
            : past.TotalHours < 1 ? text["minutesAgo", (int)past.TotalMinutes]
            : past.TotalDays < 1 ? text["hoursAgo", (int)past.TotalHours]
            : past.TotalDays < 7 ? text["daysAgo", (int)past.TotalDays]
            : moment.ToLocalTime().ToString("d", CultureInfo.CurrentCulture);
    }
}
