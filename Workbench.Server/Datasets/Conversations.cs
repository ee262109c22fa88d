using System.Text;
using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>
/// Records that came as conversations: lists show and change their last question and answer, the whole stands beside them, and that is what is
/// trained.
/// </summary>
internal static class Conversations
{
    private const string Messages = "messages";

    /// <summary>The conversation of a row, with what was changed since put in; null where there is no more than a question and an answer.</summary>
    public static ChatRecord? Of(RecordDto row)
    {
        if (row.Beside is not { ValueKind: JsonValueKind.Object } beside || !beside.TryGetProperty(Messages, out _))
            return null;
        var read = TaskRecords.ParseChats(Encoding.UTF8.GetBytes(beside.GetRawText()), row.Id);
        if (read.Records is not [var chat] || chat is { Messages.Count: <= 2, Tools: null })
            return null;
        var said = chat.Messages.ToArray();
        var answer = Array.FindLastIndex(said, message => message is { Role: ChatMessage.Assistant, Content.Length: > 0 });
        var question = answer < 0 ? -1 : Array.FindLastIndex(said, answer, message => message.Role == "user");
        if (question < 0)
            return null;
        said[question] = said[question] with { Content = Question(row) };
        said[answer] = said[answer] with { Content = row.Output };
        return chat with { Messages = said, Id = null };
    }

    /// <summary>A question with its answer as a conversation of one turn each.</summary>
    public static ChatRecord OfOneTurn(RecordDto row) => new([new ChatMessage("user", Question(row)), new ChatMessage(ChatMessage.Assistant, row.Output)]);

    private static string Question(RecordDto row) => row.Input.Length == 0 ? row.Instruction : row.Instruction + "\n" + row.Input;
}
