using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// Expressions as the tokenizers library reads them, for .NET: there a class inside a class means both, here it would end the outer one.
/// </summary>
internal static class RustPattern
{
    public static string Translate(string pattern)
    {
        var result = new StringBuilder(pattern.Length);
        var depth = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            var unit = pattern[i];
            if (unit == '\\' && i + 1 < pattern.Length)
            {
                result.Append(unit).Append(pattern[++i]);
                continue;
            }

            if (unit == '[')
            {
                // A plain class inside is spelled out; a negated one has no such spelling and stays for .NET to refuse.
                if (depth++ > 0 && !(i + 1 < pattern.Length && pattern[i + 1] == '^'))
                    continue;
            }
            else if (unit == ']' && depth > 0 && --depth > 0)
            {
                continue;
            }

            result.Append(unit);
        }

        return result.ToString();
    }
}
