using System.Text.Json.Nodes;

namespace Peft.Core.Pretraining;

/// <summary>What stands around one text and around a pair, in the form of <c>TemplateProcessing</c>.</summary>
/// <param name="Single">Parts around one text.</param>
/// <param name="Pair">Parts around two texts.</param>
/// <param name="Names">Special tokens that occur.</param>
internal sealed record TokenTemplate(JsonArray Single, JsonArray Pair, IReadOnlyList<string> Names)
{
    /// <summary>RoBERTa: &lt;s&gt; A &lt;/s&gt;, and &lt;s&gt; A &lt;/s&gt; &lt;/s&gt; B &lt;/s&gt;.</summary>
    public static TokenTemplate Encoder(string start, string end) => new(
        [Special(start), Text("A"), Special(end)],
        [Special(start), Text("A"), Special(end), Special(end), Text("B"), Special(end)],
        start == end ? [start] : [start, end]);

    /// <summary>T5: A &lt;/s&gt;, and A &lt;/s&gt; B &lt;/s&gt;.</summary>
    public static TokenTemplate EncoderDecoder(string end) => new(
        [Text("A"), Special(end)],
        [Text("A"), Special(end), Text("B"), Special(end)],
        [end]);

    private static JsonObject Special(string name) => new() { ["SpecialToken"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } };

    private static JsonObject Text(string which) => new() { ["Sequence"] = new JsonObject { ["id"] = which, ["type_id"] = 0 } };
}
