using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Peft.Core.Tests.Goldens;

/// <summary>The rows of a recorded training as they were handed to the model: ids with their labels, padded with 0 on the right.</summary>
internal sealed class RecordedSplit : TaskSplit
{
    private readonly JsonObject[] rows;

    public RecordedSplit(string file)
    {
        rows = [.. File.ReadLines(file).Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!.AsObject())];
        Lengths = [.. rows.Select(row => row["input_ids"]!.AsArray().Count)];
    }

    public override IReadOnlyList<int> Lengths { get; }

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) => new RecordedBatch(model, [.. rows.Select(row => this.rows[row])]);

    private sealed class RecordedBatch : TaskBatch
    {
        private readonly BaseModel model;
        private readonly Tensor ids;
        private readonly Tensor mask;
        private readonly Tensor labels;
        private readonly Tensor? segments;

        public RecordedBatch(BaseModel model, JsonObject[] rows)
        {
            this.model = model;
            ids = Padded(rows, "input_ids", 0);
            mask = torch.tensor(rows.SelectMany(row => Enumerable.Range(0, (int)ids.shape[1]).Select(t => t < row["input_ids"]!.AsArray().Count ? 1L : 0L)).ToArray(), rows.Length, ids.shape[1]);
            labels = rows[0]["labels"] is JsonArray ? Padded(rows, "labels", CausalLoss.Ignored) : torch.tensor(rows.Select(row => row["labels"]!.GetValue<long>()).ToArray());
            segments = rows[0]["token_type_ids"] is JsonArray ? Padded(rows, "token_type_ids", 0) : null;
            Tokens = rows.Sum(row => row["input_ids"]!.AsArray().Count);
            Items = labels.dim() == 1 ? rows.Length : labels.ne(CausalLoss.Ignored).sum().item<long>();
        }

        public override int Tokens { get; }

        public override double Items { get; }

        public override Tensor Loss(LossGroup group)
        {
            using var scope = torch.NewDisposeScope();
            var loss = model switch
            {
                CausalLanguageModel causal when model.Config.Task == ModelTask.CausalLm => CausalLoss.Compute(causal, ids, mask, labels, group.Items, group.LabelSmoothing),
                EncoderDecoderModel both => both.Loss(ids, mask, labels, null, group.LabelSmoothing) / group.Batches,
                _ => TaskLoss.Sequence(new PaddedText(ids, mask, segments).Scores(model), labels, model.Config, group.LabelSmoothing) / group.Batches,
            };
            return loss.MoveToOuterDisposeScope();
        }

        protected override void Dispose(bool disposing)
        {
            ids.Dispose();
            mask.Dispose();
            labels.Dispose();
            segments?.Dispose();
        }

        private static Tensor Padded(JsonObject[] rows, string field, long fill)
        {
            var width = rows.Max(row => row[field]!.AsArray().Count);
            return torch.tensor(
                rows.SelectMany(row => row[field]!.AsArray().Select(v => v!.GetValue<long>()).Concat(Enumerable.Repeat(fill, width - row[field]!.AsArray().Count))).ToArray(), rows.Length, width);
        }
    }
}
