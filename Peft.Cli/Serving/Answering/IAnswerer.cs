using Peft.Core.Models;

namespace Peft.Cli.Serving.Answering;

/// <summary>Answers questions with a model that is loaded for a task.</summary>
internal interface IAnswerer
{
    /// <summary>Answers one question and hands every completed piece of text on. The time is filled in by the caller.</summary>
    ServeReply Answer(BaseModel model, ServeRequest request, Action<string> onText, CancellationToken cancellation);
}
