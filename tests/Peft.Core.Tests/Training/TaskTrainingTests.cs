using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Tokenization;
using Peft.Core.Training;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Tests.Training;

/// <summary>Whole runs of every task on recorded tiny models: what is trained can be saved, scored and used again.</summary>
[Collection(TorchCollection.Name)]
public sealed class TaskTrainingTests
{
    [Theory]
    [InlineData("bert_base", ModelTask.SeqCls, DatasetKind.Classification, "accuracy")]
    [InlineData("roberta_base", ModelTask.SeqCls, DatasetKind.Classification, "accuracy")]
    [InlineData("llama", ModelTask.SeqCls, DatasetKind.Classification, "accuracy")]
    [InlineData("bert_base", ModelTask.TokenCls, DatasetKind.Tagging, "f1")]
    [InlineData("distilbert_base", ModelTask.TokenCls, DatasetKind.Tagging, "f1")]
    [InlineData("bert_base", ModelTask.QuestionAns, DatasetKind.QuestionAnswering, "f1")]
    [InlineData("t5", ModelTask.Seq2SeqLm, DatasetKind.Instruction, "exact_match")]
    [InlineData("bart", ModelTask.Seq2SeqLm, DatasetKind.Classification, "exact_match")]
    [InlineData("llama", ModelTask.CausalLm, DatasetKind.Classification, "exact_match")]
    public void Run_OfATask_LearnsScoresAndIsReadBack(string model, ModelTask task, DatasetKind kind, string primary)
    {
        using var tiny = new TinyTask(model, kind);
        var paths = tiny.Order(task, "LORA", steps: 30);
        var state = RunTrainer.Run(paths.Root);
        var events = TinyRun.Events(paths);
        Assert.True(state == TrainerState.Completed, string.Join("\n", events.OfType<RunStateChanged>().Select(e => e.Message)));
        var losses = events.OfType<RunStep>().Select(step => step.Loss).ToArray();
        Assert.True(losses[^3..].Average() < losses[..3].Average(), string.Join(' ', losses));
        var metrics = Assert.Single(events.OfType<RunMetrics>());
        Assert.Equal((task.Name(), primary), (metrics.TaskType, metrics.PrimaryMetric));
        Assert.Equal(5, File.ReadLines(paths.Predictions("test")).Count());
        if (task is ModelTask.SeqCls or ModelTask.TokenCls or ModelTask.QuestionAns)
            Assert.All(events.OfType<RunEvalLoss>(), e => Assert.Contains(primary, e.Metrics.Keys));

        // The adapter alone, in a base that was loaded again, says the same.
        var choice = TaskChoice.OfAdapter(paths.Adapter);
        var again = TrainingTasks.Create(choice.Task, new TaskSetting(
            PretrainedTokenizer.Load(tiny.Base), ModelConfig.Load(tiny.Base, choice.Task), new TrainingArguments { MaxLength = 16, DocStride = 4 }, choice.Labels));
        using var loaded = BaseModel.Load(tiny.Base, again.Options(new ModelLoadOptions { Dtype = "float32" }));
        using var adapter = Peft.Core.Methods.PeftMethods.Load(loaded, paths.Adapter);
        var result = again.Evaluate(loaded, again.Read(DatasetSnapshot.Open(tiny.Dataset), "test"), new EvaluationSetting(8, 6));
        Assert.Equal(metrics.Metrics, result.Report.Metrics);
    }

    [Fact]
    public void Run_OfDataThatDoesNotServeTheTask_SaysSo()
    {
        using var tiny = new TinyTask("bert_base", DatasetKind.Tagging);
        var paths = tiny.Order(ModelTask.SeqCls, "LORA", steps: 2);
        Assert.Equal(TrainerState.Failed, RunTrainer.Run(paths.Root));
        Assert.Contains("tagging", TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("北京市", "北京", 0.8)]
    [InlineData("The cat", "cat", 1)]
    [InlineData("New York City", "York", 0.5)]
    [InlineData("", "x", 0)]
    public void AnswerF1_OfWordsAndHanCharacters_CountsWhatIsShared(string given, string wanted, double f1) =>
        Assert.Equal(f1, AnswerScorer.ScoreByScript(given, [wanted]).F1, 1e-9);

    [Theory]
    [InlineData("BertForQuestionAnswering", "bert", 591_362)]
    public void Count_OfARealBaseByItsConfigAlone_IsWhatPeftPrints(string name, string type, long trainable)
    {
        var config = ModelConfig.Read(ConfigReader.From(name, JsonNode.Parse($$"""{"model_type":"{{type}}"}""")!.AsObject()), ModelTask.QuestionAns);
        var peft = Peft.Core.Methods.PeftConfig.FromJson(JsonNode.Parse("""{"peft_type":"LORA","task_type":"QUESTION_ANS","r":16}""")!.AsObject());
        Assert.Equal(trainable, peft.Count(config).Trainable);
    }

    [Fact]
    public void Count_OfMt0Large_IsWhatPeftPrints()
    {
        const string Config = """{"model_type":"mt5","d_model":1024,"d_ff":2816,"d_kv":64,"num_heads":16,"num_layers":24,"num_decoder_layers":24,"vocab_size":250112,"feed_forward_proj":"gated-gelu","tie_word_embeddings":false}""";
        var model = ModelConfig.Read(ConfigReader.From("mt0-large", JsonNode.Parse(Config)!.AsObject()), ModelTask.Seq2SeqLm);
        var peft = Peft.Core.Methods.PeftConfig.FromJson(JsonNode.Parse("""{"peft_type":"LORA","task_type":"SEQ_2_SEQ_LM","r":8}""")!.AsObject());
        Assert.Equal("trainable params: 2,359,296 || all params: 1,231,940,608 || trainable%: 0.1915", peft.Count(model).Line);
    }
}
