using System.Text.Json.Nodes;
using Peft.Core;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>
/// The batches of a measurement: ids drawn as <c>torch.randint(10, vocabulary, [batch, seq])</c> from a CPU generator seeded 0, one draw a step
/// (for labels of texts ids, then labels); or rows of a file. Loss over every label, its own mean, as a model's forward returns it.
/// </summary>
internal sealed class RowData : TaskSplit
{
    private const int FirstId = 10;

    private readonly List<(long[] Ids, long[] Labels)> rows = [];

    private RowData()
    {
    }

    public override IReadOnlyList<int> Lengths => [.. rows.Select(row => row.Ids.Length)];

    public static RowData Random(ModelConfig config, int batch, int seq, int steps)
    {
        var data = new RowData();
        using var generator = new Generator(0, CPU);
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            var ids = randint(FirstId, config.VocabSize, [batch, seq], ScalarType.Int64, generator: generator).data<long>().ToArray();
            var labels = config.Task == ModelTask.SeqCls
                ? randint(0, config.NumLabels, [batch], ScalarType.Int64, generator: generator).data<long>().ToArray()
                : [];
            for (var row = 0; row < batch; row++)
            {
                var own = ids[(row * seq)..((row + 1) * seq)];
                data.rows.Add((own, labels.Length > 0 ? [labels[row]] : own));
            }
        }

        return data;
    }

    public static RowData Read(string file, int seq)
    {
        var data = new RowData();
        foreach (var line in File.ReadLines(file).Where(line => line.Length > 0))
        {
            var json = JsonNode.Parse(line)!;
            long[] Numbers(string field) => json[field] is JsonArray list ? [.. list.Take(seq).Select(v => v!.GetValue<long>())]
                : json[field] is JsonValue one ? [one.GetValue<long>()]
                : throw new PeftException($"{file}: a row lacks '{field}'.");
            data.rows.Add((Numbers("input_ids"), Numbers("labels")));
        }

        return data.rows.Count > 0 ? data : throw new PeftException($"{file}: there is no row.");
    }

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) => new RowBatch(model, [.. rows.Select(row => this.rows[row])]);

    private sealed class RowBatch : TaskBatch
    {
        private readonly BaseModel model;
        private readonly Tensor ids;
        private readonly Tensor? mask;
        private readonly Tensor labels;

        public RowBatch(BaseModel model, (long[] Ids, long[] Labels)[] rows)
        {
            this.model = model;
            var width = rows.Max(row => row.Ids.Length);
            Tensor Padded(Func<(long[] Ids, long[] Labels), long[]> values, long fill) =>
                tensor(rows.SelectMany(row => values(row).Concat(Enumerable.Repeat(fill, width - values(row).Length))).ToArray(), rows.Length, width);
            ids = Padded(row => row.Ids, model.Config.PadTokenId ?? 0).to(model.Device);
            mask = rows.All(row => row.Ids.Length == width) ? null : Padded(row => [.. row.Ids.Select(_ => 1L)], 0).to(model.Device);
            labels = model.Config.Task == ModelTask.SeqCls ? tensor(rows.Select(row => row.Labels[0]).ToArray()).to(model.Device) : Padded(row => row.Labels, CausalLoss.Ignored);
            Tokens = rows.Sum(row => row.Ids.Length);
            Items = rows.Sum(row => row.Labels.Count(label => label != CausalLoss.Ignored));
        }

        public override int Tokens { get; }

        public override double Items { get; }

        public override Tensor Loss(LossGroup group)
        {
            using var scope = NewDisposeScope();
            var loss = model switch
            {
                CausalLanguageModel decoder when model.Config.Task == ModelTask.CausalLm => CausalLoss.Compute(decoder, ids, mask, labels),
                EncoderDecoderModel both => both.Loss(ids, mask, labels),
                _ => TaskLoss.Sequence(new PaddedText(ids, mask, null).Scores(model), labels, model.Config),
            };
            return loss.MoveToOuterDisposeScope();
        }

        protected override void Dispose(bool disposing)
        {
            ids.Dispose();
            mask?.Dispose();
            labels.Dispose();
        }
    }
}
