using System.Text;
using Peft.Core.Data;

namespace Peft.Core.Tokenization;

/// <summary>
/// The text in front of an answer as a form with the places <c>{instruction}</c> and <c>{input}</c>, in two shapes: for records with an
/// input and for those without.
/// </summary>
/// <param name="Name">Name of it as <c>prompt_format</c>.</param>
/// <param name="WithInput">The form for records with an input.</param>
/// <param name="NoInput">The form for records without one.</param>
public sealed record InstructionTemplate(string Name, string WithInput, string NoInput)
{
    /// <summary>The forms that well-known instruction models were trained with.</summary>
    public static IReadOnlyList<InstructionTemplate> All { get; } =
    [
        English("alpaca", ""),
        English("alpaca_nl", "\n"),
        new(
            "alpaca_zh",
            "下面是一个描述任务的指令，并附有提供更多背景的输入。请写出恰当完成该请求的回答。\n\n### 指令：\n{instruction}\n\n### 输入：\n{input}\n\n### 回答：",
            "下面是一个描述任务的指令。请写出恰当完成该请求的回答。\n\n### 指令：\n{instruction}\n\n### 回答："),
        new("belle", "Human: {instruction}\n{input}\n\nAssistant: ", "Human: {instruction}\n\nAssistant: "),
        new("chatglm", "问：{instruction}\n{input}\n答：", "问：{instruction}\n答："),
        new("factory", "{instruction}\n{input}", "{instruction}"),
    ];

    /// <summary>What stands behind the last place: it must survive when a long prompt is cut.</summary>
    public string Tail => NoInput[(NoInput.LastIndexOf('}') + 1)..];

    /// <summary>The form of a name; null when there is none.</summary>
    public static InstructionTemplate? Find(string name) => All.FirstOrDefault(template => template.Name == name);

    /// <summary>The text in front of a record's answer.</summary>
    public string Render(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Render(record.Instruction, record.Input);
    }

    /// <summary>The text in front of the answer. Blanks alone count as an input; values are put in as they are, once.</summary>
    public string Render(string instruction, string? input)
    {
        var form = string.IsNullOrEmpty(input) ? NoInput : WithInput;
        var text = new StringBuilder(form.Length + instruction.Length);
        for (var at = 0; at < form.Length;)
        {
            var (name, value) = form[at] != '{' ? ("", "")
                : form.AsSpan(at).StartsWith("{instruction}") ? ("{instruction}", instruction)
                : form.AsSpan(at).StartsWith("{input}") ? ("{input}", input ?? "")
                : ("", "");
            text.Append(name.Length > 0 ? value : form[at].ToString());
            at += Math.Max(1, name.Length);
        }

        return text.ToString();
    }

    private static InstructionTemplate English(string name, string behind) => new(
        name,
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n"
        + "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:" + behind,
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Response:" + behind);
}
