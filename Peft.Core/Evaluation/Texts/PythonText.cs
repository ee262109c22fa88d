using System.Text;

namespace Peft.Core.Evaluation.Texts;

/// <summary>Texts as the scripts that define these scores see them: by code points, with Python's idea of white space.</summary>
internal static class PythonText
{
    /// <summary>White space as <c>str.isspace</c> has it.</summary>
    public static bool IsSpace(int point) => point is >= 0x1C and <= 0x1F || (point <= char.MaxValue && char.IsWhiteSpace((char)point));

    /// <summary>The words between white space, as <c>str.split()</c> gives them.</summary>
    public static string[] Words(string text)
    {
        var words = new List<string>();
        var start = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            var inside = i < text.Length && !IsSpace(text[i]);
            if (inside && start < 0)
                start = i;
            else if (!inside && start >= 0)
            {
                words.Add(text[start..i]);
                start = -1;
            }
        }

        return [.. words];
    }

    /// <summary>A text without white space at its end, as <c>str.rstrip()</c> gives it.</summary>
    public static string WithoutEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
            end--;
        return text[..end];
    }

    /// <summary>Every code point that is no white space, as a text of its own.</summary>
    public static string[] Characters(string text) => [.. text.EnumerateRunes().Where(rune => !IsSpace(rune.Value)).Select(rune => rune.ToString())];

    /// <summary>How often each n-gram occurs.</summary>
    public static Dictionary<string, int> Count(IReadOnlyList<string> tokens, int n)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i + n <= tokens.Count; i++)
        {
            var gram = n == 1 ? tokens[i] : string.Join('\u0001', tokens.Skip(i).Take(n));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }

        return counts;
    }

    /// <summary>N-grams that both sides have, each as often as the rarer side has it.</summary>
    public static int Common(Dictionary<string, int> left, Dictionary<string, int> right) =>
        left.Sum(pair => Math.Min(pair.Value, right.GetValueOrDefault(pair.Key)));
}
