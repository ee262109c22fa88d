using Peft.Core.Data;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Training.Tasks;

/// <summary>
/// A classification as an instruction, for models that write: the instruction names the labels, the input is the text, the output the
/// label's words. The instruction is in the language of the text.
/// </summary>
public static class ClassificationPrompt
{
    private const string NoneChinese = "无";
    private const string NoneEnglish = "none";

    /// <summary>The instruction form of a record.</summary>
    /// <param name="record">The record.</param>
    /// <param name="labels">Every label in order.</param>
    /// <exception cref="PeftException">The record asks for a number, which is not written.</exception>
    public static InstructionRecord Render(ClassificationRecord record, IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(labels);
        if (record.Label.Number is not null)
            throw new PeftException("A number cannot be learnt as text: use task SEQ_CLS for regression.");
        var isChinese = record.Text.Any(c => c is >= '\u4E00' and <= '\u9FFF');
        var input = record.TextPair is null ? record.Text : record.Text + "\n" + record.TextPair;
        var output = record.Label.Names.Count > 0 ? string.Join(isChinese ? "，" : ", ", record.Label.Names) : isChinese ? NoneChinese : NoneEnglish;
        return new InstructionRecord(Instruction(labels, record.Label.IsMany, isChinese), input, output) { Id = record.Id };
    }

    private static string Instruction(IReadOnlyList<string> labels, bool isMany, bool isChinese) => (isMany, isChinese) switch
    {
        (false, true) => $"判断以下文本的类别，只回答其中一个：{string.Join('，', labels)}。",
        (true, true) => $"判断以下文本符合哪些类别，可以有多个，没有则回答{NoneChinese}：{string.Join('，', labels)}。",
        (false, false) => $"Classify the text. Answer with one of: {string.Join(", ", labels)}.",
        (true, false) => $"Which of these labels fit the text? Answer with any of them, or {NoneEnglish}: {string.Join(", ", labels)}.",
    };
}
