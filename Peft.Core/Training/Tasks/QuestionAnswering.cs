using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Runs;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>QUESTION_ANS: where in a text the answer to a question stands. Long texts are read in overlapping windows.</summary>
public sealed class QuestionAnswering : TrainingTask
{
    private readonly QuestionWindows windows;

    /// <summary>The task for a base.</summary>
    public QuestionAnswering(TaskSetting setting)
        : base(setting) => windows = new QuestionWindows(setting);

    private bool MayLackAnswer => Setting.Labels?.MayLackAnswer ?? false;

    /// <inheritdoc />
    public override IReadOnlyList<IDataRecord> Read(DatasetSnapshot snapshot, string split)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return snapshot.Read<QuestionRecord>(split);
    }

    /// <inheritdoc />
    public override TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split)
    {
        ArgumentNullException.ThrowIfNull(records);
        var perRecord = RecordWork.Each(records.Count, i => windows.Of((QuestionRecord)records[i]));
        return new LabelledSplit<QuestionWindow>([.. perRecord.SelectMany(w => w)], Batch);
    }

    /// <inheritdoc />
    public override TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(setting);
        var wanted = records.Cast<QuestionRecord>().ToArray();
        var answers = Answer(model, wanted, setting.BatchSize, between);
        var golds = wanted.Select(record => record.Answers.Select(a => a.Text).Distinct(StringComparer.Ordinal).ToArray()).ToArray();
        var scores = golds.Select((gold, i) => AnswerScorer.ScoreByScript(answers[i].Text, gold)).ToArray();
        var predictions = wanted.Select((record, i) => new RunPrediction
        {
            Index = i,
            Instruction = record.Question,
            Input = record.Context,
            Reference = string.Join(" | ", golds[i]),
            Output = answers[i].Text,
            Exact = scores[i].ExactMatch == 1,
        }).ToArray();
        var metrics = new Dictionary<string, double?>
        {
            ["exact_match"] = AnswerScorer.Mean(scores)?.ExactMatch,
            ["f1"] = AnswerScorer.Mean(scores)?.F1,
        };
        return new TaskResult(predictions, new TaskReport(metrics, "f1"));
    }

    /// <summary>The best answers to questions.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="questions">Questions with their texts; answers are not looked at.</param>
    /// <param name="batchSize">Windows computed together.</param>
    /// <param name="between">Called between batches with the number of questions done; may throw to end early.</param>
    public IReadOnlyList<FoundAnswer> Answer(BaseModel model, IReadOnlyList<QuestionRecord> questions, int batchSize = 1, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(questions);
        var all = questions.Select(question => windows.Of(question)).ToArray();
        var flat = all.SelectMany((list, question) => list.Select(window => (question, window))).ToArray();
        var choices = questions.Select(question => new AnswerChoice(question.Context, Setting.Arguments.MaxAnswerLength)).ToArray();
        var told = 0;
        TaskPass.Scores(
            model,
            [.. flat.Select(f => f.window)],
            batchSize,
            (i, scores) =>
            {
                var values = scores.contiguous().data<float>().ToArray(); // [T, 2]
                choices[flat[i].question].Add(flat[i].window, [.. values.Where((_, at) => at % 2 == 0)], [.. values.Where((_, at) => at % 2 == 1)]);
            },
            done =>
            {
                // Windows are computed, records are what people count.
                var records = (int)((long)done * questions.Count / flat.Length);
                if (records > told)
                    between?.Invoke(told = records);
            });
        return [.. choices.Select(choice => choice.Best(MayLackAnswer))];
    }

    private LabelledBatch Batch(BaseModel model, IReadOnlyList<QuestionWindow> examples)
    {
        var starts = tensor(examples.Select(e => (long)e.AnswerStart).ToArray(), device: model.Device);
        var ends = tensor(examples.Select(e => (long)e.AnswerEnd).ToArray(), device: model.Device);
        return new LabelledBatch(
            model, PaddedText.Of(model, examples), [starts, ends], examples.Count, examples.Sum(e => e.Ids.Length), (scores, _) => TaskLoss.Answers(scores, starts, ends));
    }
}

/// <summary>An answer that a model found.</summary>
/// <param name="Text">The answer; empty when the text has none.</param>
/// <param name="Start">Its first UTF-16 unit in the text.</param>
/// <param name="Score">Its probability among the answers considered, 0–1.</param>
public sealed record FoundAnswer(string Text, int Start, double Score);
