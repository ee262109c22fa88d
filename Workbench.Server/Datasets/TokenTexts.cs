using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Tokenization;
using Workbench.Client.Contracts;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Datasets;

/// <summary>Rows of a working file as the engine's records, and the tokens of those whose labels stand beside the text.</summary>
internal static class TokenTexts
{
    /// <summary>A row as the engine reads it.</summary>
    /// <exception cref="Peft.Core.PeftException">The row is damaged.</exception>
    public static IDataRecord Read(DatasetKind kind, RecordDto row) => kind == DatasetKind.Instruction || row.Data is null
        ? (IDataRecord?)Conversations.Of(row) ?? new InstructionRecord(row.Instruction, row.Input, row.Output) { Id = row.Id }
        : TaskContents.Read(kind, row);

    /// <summary>Texts with what the tokenizer puts around them; labels are no tokens, so nothing carries loss. What does not fit is lost at the end.</summary>
    public static IReadOnlyList<LaidPiece> Lay(PretrainedTokenizer tokenizer, IDataRecord record, int maxLength)
    {
        var texts = record switch
        {
            ClassificationRecord { TextPair: { } second } one => [one.Text, second],
            ClassificationRecord one => [one.Text],
            TaggingRecord one => [one.Text],
            QuestionRecord one => (string[])[one.Question, one.Context],
            _ => throw new ArgumentException($"{record.GetType().Name} has no text of its own.", nameof(record)),
        };
        var (front, middle, behind) = texts.Length > 1 ? tokenizer.Pair : (tokenizer.Front, [], tokenizer.Behind);
        var pieces = new List<(string Text, IReadOnlyList<TokenSpan> Spans)> { Special(tokenizer, front) };
        for (var i = 0; i < texts.Length; i++)
        {
            if (i > 0)
                pieces.Add(Special(tokenizer, middle));
            pieces.Add((texts[i], tokenizer.EncodeWithOffsets(texts[i])));
        }

        pieces.Add(Special(tokenizer, behind));
        var room = maxLength - pieces[^1].Spans.Count;
        var number = 0;
        return [.. pieces.Select((piece, i) => new LaidPiece(piece.Text, [.. piece.Spans.Select(span => new LaidToken(span, i == pieces.Count - 1 || number++ < room, false))]))];
    }

    private static (string Text, IReadOnlyList<TokenSpan> Spans) Special(PretrainedTokenizer tokenizer, IReadOnlyList<int> ids)
    {
        var (text, spans) = ("", new List<TokenSpan>());
        foreach (var id in ids)
        {
            var shown = tokenizer.Text(id) ?? "";
            spans.Add(new TokenSpan(id, text.Length, text.Length + shown.Length));
            text += shown;
        }

        return (text, spans);
    }
}
