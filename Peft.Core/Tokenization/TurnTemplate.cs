using Peft.Core.Data.Tasks;

namespace Peft.Core.Tokenization;

/// <summary>A piece of a conversation's text.</summary>
/// <param name="Text">The text; pieces are cut into tokens one by one.</param>
/// <param name="Turn">Number of the assistant's turn that it is the answer of, from 0; −1 for everything around.</param>
public readonly record struct TurnPiece(string Text, int Turn)
{
    /// <summary>Whether the assistant says it.</summary>
    public bool IsAnswer => Turn >= 0;
}

/// <summary>What stands around the turns of a conversation.</summary>
/// <param name="Start">In front of everything.</param>
/// <param name="Open">In front of a role's name; null writes no role.</param>
/// <param name="Close">Behind it.</param>
/// <param name="AnswerEnd">Behind what the assistant says; it is learnt with it.</param>
/// <param name="OtherEnd">Behind what others say.</param>
/// <param name="Between">Behind every turn.</param>
public sealed record TurnTemplate(string Start, string? Open, string Close, string AnswerEnd, string OtherEnd, string Between)
{
    /// <summary>ChatML: <c>&lt;|im_start|&gt;role</c>, a line break, the text, <c>&lt;|im_end|&gt;</c> and a line break.</summary>
    public static TurnTemplate ChatMl { get; } = new("", "<|im_start|>", "\n", "<|im_end|>", "<|im_end|>", "\n");

    /// <summary>The pieces of a conversation in order.</summary>
    /// <param name="messages">What was said.</param>
    /// <param name="tools">The tools that were offered, as JSON; they are written as what the system says first.</param>
    public IReadOnlyList<TurnPiece> Pieces(IReadOnlyList<ChatMessage> messages, string? tools = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var pieces = new List<TurnPiece>();
        var (around, turn) = (Start, 0);
        var said = tools is null ? messages : WithTools(messages, tools);
        foreach (var message in said)
        {
            around += Open is null ? "" : Open + message.Role + Close;
            if (message.Role != ChatMessage.Assistant)
            {
                around += message.Said + OtherEnd + Between;
                continue;
            }

            Add(around, -1);
            Add(message.Said + AnswerEnd, turn++);
            around = Between;
        }

        Add(around, -1);
        return pieces;

        void Add(string text, int of)
        {
            if (text.Length > 0)
                pieces.Add(new TurnPiece(text, of));
        }
    }

    private static IReadOnlyList<ChatMessage> WithTools(IReadOnlyList<ChatMessage> messages, string tools) => messages is [{ Role: ChatMessage.System } first, ..]
        ? [first with { Content = first.Content + "\n\n" + tools }, .. messages.Skip(1)]
        : [new ChatMessage(ChatMessage.System, tools), .. messages];
}
