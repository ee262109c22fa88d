using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Runs;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>A text with a tag per token; what the tokenizer puts around, and tokens that cover nothing, carry −100.</summary>
internal sealed record TaggedText(EncodedText Text, int[] Tags) : EncodedText(Text.Ids, Text.Segments, Text.CutTokens);

/// <summary>TOKEN_CLS: entities of a text, through one BIO tag per token. Every token of an entity is tagged, not only the first of a word.</summary>
public sealed class TokenTagging : TrainingTask
{
    private readonly IReadOnlyList<string> names;
    private readonly Dictionary<string, int> numbers;

    /// <summary>The task for a base and types of entities.</summary>
    public TokenTagging(TaskSetting setting)
        : base(setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        names = setting.Labels?.Names ?? throw new PeftException("The types of entities are not known: there is neither training data nor labels.json beside the adapter.");
        numbers = names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i, StringComparer.Ordinal);
        if (names.Count < 2)
            throw new PeftException("The training data marks no entity, so there is nothing to learn.");
    }

    /// <inheritdoc />
    public override IReadOnlyList<IDataRecord> Read(DatasetSnapshot snapshot, string split)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return snapshot.Read<TaggingRecord>(split);
    }

    /// <inheritdoc />
    public override TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split) =>
        LabelledSplit<TaggedText>.Encode<TaggingRecord>(records, Setting.Arguments.CutPolicy, Tagged, split, Batch);

    /// <inheritdoc />
    public override TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(setting);
        var wanted = records.Cast<TaggingRecord>().ToArray();
        var answers = Tag(model, [.. wanted.Select(record => record.Text)], setting.BatchSize, between);
        var predictions = wanted.Select((record, i) => new RunPrediction
        {
            Index = i,
            Input = record.Text,
            Reference = EntitySpanScorer.Text(record.Text, record.Entities),
            Output = EntitySpanScorer.Text(record.Text, answers[i]),
            Exact = EntitySpanScorer.Set(record.Entities).SetEquals(EntitySpanScorer.Set(answers[i])),
        }).ToArray();
        var counts = EntitySpanScorer.Count([.. wanted.Select(record => record.Entities)], answers);
        var metrics = new Dictionary<string, double?> { ["precision"] = counts.Precision, ["recall"] = counts.Recall, ["f1"] = counts.F1 };
        return new TaskResult(predictions, new TaskReport(metrics, "f1"));
    }

    /// <summary>The entities that a model finds in texts.</summary>
    public IReadOnlyList<EntitySpan>[] Tag(BaseModel model, IReadOnlyList<string> texts, int batchSize = 1, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(texts);
        var encoded = texts.Select(Encode).ToArray();
        var found = new IReadOnlyList<EntitySpan>[texts.Count];
        TaskPass.Scores(
            model,
            [.. encoded.Select(e => e.Ids)],
            batchSize,
            (i, scores) =>
            {
                using var best = scores.argmax(-1);
                var tags = best.data<long>().ToArray();
                found[i] = Entities(texts[i], encoded[i].Tokens, tags[Setting.Tokenizer.Front.Count..]);
            },
            between);
        return found;
    }

    private List<EntitySpan> Entities(string text, IReadOnlyList<(int Start, int End)> tokens, long[] tags)
    {
        // Tokens that cover nothing interrupt no entity.
        var covering = Enumerable.Range(0, tokens.Count).Where(t => tokens[t].End > tokens[t].Start).ToArray();
        var spans = new List<EntitySpan>();
        foreach (var (type, first, last) in EntityTags.Read([.. covering.Select(t => names[(int)tags[t]])]))
        {
            var (start, end) = (tokens[covering[first]].Start, tokens[covering[last]].End);
            spans.Add(new EntitySpan(start, end, type) { Text = text[start..end] });
        }

        return spans;
    }

    private (EncodedText Ids, IReadOnlyList<(int Start, int End)> Tokens) Encode(string text)
    {
        var tokenizer = Setting.Tokenizer;
        var tokens = tokenizer.EncodeWithOffsets(text);
        var kept = tokens.Take(Math.Max(0, Setting.MaxLength - tokenizer.Front.Count - tokenizer.Behind.Count)).ToArray();
        int[] ids = [.. tokenizer.Front, .. kept.Select(token => token.Id), .. tokenizer.Behind];
        return (new EncodedText(ids, null, tokens.Count - kept.Length), [.. kept.Select(token => (token.Start, token.End))]);
    }

    private TaggedText Tagged(TaggingRecord record, string name)
    {
        if (record.Entities.FirstOrDefault(entity => !numbers.ContainsKey("B-" + entity.Type)) is { } unknown)
            throw new PeftException($"{name}: entity type '{unknown.Type}' is not among {string.Join(", ", EntityTags.Types(names))}.");
        var (text, tokens) = Encode(record.Text);
        var tags = EntityTags.Of(tokens, record.Entities).Select((tag, t) => tokens[t].Start == tokens[t].End ? (int)CausalLoss.Ignored : numbers[tag]);
        var around = Setting.Tokenizer;
        return new TaggedText(text, [.. around.Front.Select(_ => (int)CausalLoss.Ignored), .. tags, .. around.Behind.Select(_ => (int)CausalLoss.Ignored)]);
    }

    private LabelledBatch Batch(BaseModel model, IReadOnlyList<TaggedText> examples)
    {
        var labels = PaddedText.Rows(examples.Select(e => e.Tags), examples.Max(e => e.Tags.Length), CausalLoss.Ignored).to(model.Device);
        var items = examples.Sum(e => e.Tags.Count(tag => tag != CausalLoss.Ignored));
        return new LabelledBatch(
            model, PaddedText.Of(model, examples), [labels], items, examples.Sum(e => e.Ids.Length), (scores, smoothing) => TaskLoss.Tokens(scores, labels, smoothing));
    }
}
