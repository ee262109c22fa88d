using System.Globalization;
using Peft.Core;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;

namespace Peft.Cli.Serving.Answering;

/// <summary>Answers with what the head of a task says: labels, entities, or the place of an answer. The text form is for readers.</summary>
internal sealed class HeadAnswerer(TrainingTask task) : IAnswerer
{
    public ServeReply Answer(BaseModel model, ServeRequest request, Action<string> onText, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var text = string.IsNullOrWhiteSpace(request.Input) ? request.Instruction : request.Input;
        if (string.IsNullOrWhiteSpace(text))
            throw new PeftException("There is no text to look at: write it into the input.");
        var reply = task switch
        {
            TextClassification classes => Classified(classes, model, text),
            TokenTagging tagging => Tagged(tagging, model, text),
            QuestionAnswering questions => Answered(questions, model, request),
            _ => throw new PeftException($"Nothing answers for task {task.Kind.Name()}."),
        };
        onText(reply.Text ?? "");
        return reply with { Id = request.Id };
    }

    private static ServeReply Classified(TextClassification classes, BaseModel model, string text)
    {
        var labels = classes.Classify(model, text).Select(pair => new ServedLabel(pair.Label, pair.Probability)).ToArray();
        var lines = labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Label} {label.Probability:F4}"));
        return new ServeReply(null, "done", string.Join("\n", lines)) { Labels = labels };
    }

    private static ServeReply Tagged(TokenTagging tagging, BaseModel model, string text)
    {
        var entities = tagging.Tag(model, [text])[0];
        return new ServeReply(null, "done", EntitySpanScorer.Text(text, entities)) { Entities = entities };
    }

    private static ServeReply Answered(QuestionAnswering questions, BaseModel model, ServeRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Instruction) || string.IsNullOrWhiteSpace(request.Input))
            throw new PeftException("A question needs two texts: the question as instruction, the text that answers it as input.");
        var answer = questions.Answer(model, [new QuestionRecord(request.Instruction, request.Input, [])])[0];
        return new ServeReply(null, "done", answer.Text) { Answer = answer };
    }
}
