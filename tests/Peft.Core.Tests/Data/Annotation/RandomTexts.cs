using System.Globalization;
using System.Text;
using Peft.Core.Data.Annotation;

namespace Peft.Core.Tests.Data.Annotation;

/// <summary>Texts of everything that makes counting characters hard.</summary>
internal static class RandomTexts
{
    private static readonly string[] s_pieces =
    [
        "刘德华", "朱丽倩", "。", "，", "2008年", "ＦＵＬＬ１２", "abc", "naïve", "e\u0301", "o\u0302\u0323", "\u0915\u094D\u0937\u093F", "👨‍👩‍👧‍👦", "👩🏽‍🏫", "🎬", "🇨🇳",
        "🇺🇸🇨🇳", "𠮷野家", "𝒳", "שלום", "مرحبا", "عَرَبِي", "ไทยที่", "한국", "\u1112\u1161\u11AB", "☕️", "1️⃣", "\u200Bx", "\u00A0", " ", "\t", "\r\n", "\n", "(", "）", "Å", "ﬁ", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    ];

    public static (AnnotatedText Text, IReadOnlyList<string> Marked) Make(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        for (var i = random.Next(1, 60); i >= 0; i--)
            text.Append(s_pieces[random.Next(s_pieces.Length)]);
        var whole = text.ToString();
        // Independent of the code under test: the runtime's own walk over the clusters.
        var clusters = new List<int>();
        for (var walk = StringInfo.GetTextElementEnumerator(whole); walk.MoveNext();)
            clusters.Add(walk.ElementIndex);
        clusters.Add(whole.Length);
        var spans = new List<AnnotatedSpan>();
        var marked = new List<string>();
        for (var i = 0; i < random.Next(1, 12); i++)
        {
            var (a, b) = (random.Next(clusters.Count), random.Next(clusters.Count));
            if (a == b)
                continue;
            var (start, end) = (clusters[Math.Min(a, b)], clusters[Math.Max(a, b)]);
            var type = "T" + random.Next(3).ToString(CultureInfo.InvariantCulture);
            if (spans.Any(s => (s.Start, s.End, s.Type) == (start, end, type)))
                continue;
            spans.Add(new AnnotatedSpan($"e{spans.Count}", start, end, type));
            marked.Add(whole[start..end]);
        }

        var relations = new List<AnnotatedRelation>();
        for (var i = 0; i < 5 && spans.Count > 1; i++)
        {
            var (head, tail) = (random.Next(spans.Count), random.Next(spans.Count));
            if (head != tail && !relations.Any(r => (r.Head, r.Tail) == (spans[head].Id, spans[tail].Id)))
                relations.Add(new AnnotatedRelation($"r{relations.Count}", spans[head].Id, spans[tail].Id, "R"));
        }

        return (new AnnotatedText(whole, spans, relations), marked);
    }
}
