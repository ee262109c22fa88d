using System.Globalization;
using System.Text;
using Peft.Core;

namespace Workbench.Server.Models;

/// <summary>
/// Names of models: folders under <c>models/</c> and parts of addresses at once, so letters, digits, dots, dashes and underscores only.
/// </summary>
internal static class ModelNames
{
    private const int Longest = 96;

    /// <summary>Parts of addresses that mean something else.</summary>
    private static readonly HashSet<string> s_reserved = new(StringComparer.OrdinalIgnoreCase) { "add", "catalogue", "plan", "jobs", "local", "hub", "pretrain" };

    /// <summary>The name as it will be used.</summary>
    /// <exception cref="PeftException">It cannot be one.</exception>
    public static string Check(string name)
    {
        var trimmed = name.Trim();
        if (trimmed.Length is 0 or > Longest || trimmed[0] is '.' or '-' || trimmed[^1] == '.' || !trimmed.All(IsFree) || s_reserved.Contains(trimmed))
            throw new PeftException($"'{trimmed}' cannot be a model's name here. Use letters, digits, dots, dashes and underscores, at most {Longest}, not beginning with a dot.");
        return trimmed;
    }

    /// <summary>A free name made of another text.</summary>
    public static string Suggest(string text, Func<string, bool> isTaken)
    {
        var made = new StringBuilder();
        foreach (var c in text.Normalize(NormalizationForm.FormC))
            made.Append(IsFree(c) ? c : '-');
        var name = made.ToString().Trim('.', '-');
        name = name.Length == 0 ? "model" : name.Length > Longest - 4 ? name[..(Longest - 4)].TrimEnd('.') : name;
        if (!s_reserved.Contains(name) && !isTaken(name))
            return name;
        for (var i = 2; ; i++)
        {
            if (string.Create(CultureInfo.InvariantCulture, $"{name}-{i}") is var other && !isTaken(other))
                return other;
        }
    }

    private static bool IsFree(char c) => char.IsLetterOrDigit(c) || c is '.' or '-' or '_';
}
