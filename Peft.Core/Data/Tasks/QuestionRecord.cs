using System.Globalization;
using System.Text.Json.Serialization;

namespace Peft.Core.Data.Tasks;

/// <summary>An answer that stands in the text.</summary>
/// <param name="Text">The answer.</param>
/// <param name="AnswerStart">Its first UTF-16 unit in the context.</param>
public sealed record AnswerSpan(string Text, int AnswerStart);

/// <summary>A question and the text that answers it.</summary>
/// <param name="Question">The question.</param>
/// <param name="Context">The text.</param>
/// <param name="Answers">Answers that count as right; none when the text does not answer it.</param>
public sealed record QuestionRecord(string Question, string Context, IReadOnlyList<AnswerSpan> Answers) : IDataRecord
{
    /// <inheritdoc />
    public string? Id { get; init; }

    /// <inheritdoc />
    [JsonIgnore]
    public IEnumerable<string> Content =>
        [Question, Context, .. Answers.Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.AnswerStart} {a.Text}"))];
}
