using System.Text.Json.Nodes;
using Peft.Core.Models.Decoders;
using Peft.Core.Tests.Goldens;
using Peft.Core.Tokenization.CpmBee;

namespace Peft.Core.Tests.Tokenization;

/// <summary>CPM-Bee's way from a JSON sample to tokens, against the recorded tensors of the authors' code.</summary>
[Collection(TorchCollection.Name)]
public sealed class CpmBeeEncoderTests
{
    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "models", "cpm_bee");

    private readonly CpmBeeVocabulary vocabulary = CpmBeeVocabulary.Load(s_folder);

    [Fact]
    public void Encode_TrainingSamples_EqualTheRecordedRowsAndLabels()
    {
        using var io = new GoldenTensors(Path.Combine(s_folder, "io.safetensors"));
        var recorded = CpmBeeGoldenRun.Text(io, "plain");
        var samples = JsonNode.Parse(File.ReadAllText(Path.Combine(s_folder, "data.json")))!["plain"]!.AsArray();
        var encoder = new CpmBeeEncoder(vocabulary);
        var table = CpmBeeGoldenRun.Table(io, "plain");
        for (var b = 0; b < samples.Count; b++)
        {
            // Several answers were shuffled before they were recorded: one of the two orders is it.
            var rows = new[] { false, true }.Select(turned => encoder.Encode(Turned(samples[b]!.AsObject(), turned)).Row).ToList();
            var real = recorded.Rows[b].Places.Where(place => place.IsReal).ToList();
            var row = rows.FirstOrDefault(candidate => candidate.Places.SequenceEqual(real)) ?? rows[0];
            Assert.Equal(real, row.Places);
            Assert.Equal(recorded.Rows[b].Relations.Take(row.Relations.Count), row.Relations);
            Assert.Equal(io["plain/labels"][b].data<long>().ToArray().Take(real.Count), encoder.Labels(row, table));
        }

        Assert.Equal(table, CpmBeeEncoder.Table(recorded.Rows));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void EncodeQuestion_RecordedPrompts_AreEqual(int index)
    {
        using var io = new GoldenTensors(Path.Combine(s_folder, "io.safetensors"));
        var recorded = CpmBeeGoldenRun.Text(io, $"greedy{index}").Rows[0];
        var data = JsonNode.Parse(File.ReadAllText(Path.Combine(s_folder, "case.json")))!["greedy"]!["data"]![index]!.AsObject();
        var sample = new CpmBeeEncoder(vocabulary).EncodeQuestion(data);

        Assert.Equal(recorded.Places.Select(place => (place.Id, place.Sub, place.Segment, place.Segments, place.Position)), sample.Row.Places.Select(place => (place.Id, place.Sub, place.Segment, place.Segments, place.Position)));
        Assert.Equal(recorded.Relations, sample.Row.Relations);
        Assert.Equal(io[$"greedy{index}/predict_segment"].data<long>().ToArray(), sample.Answers.Select(answer => (long)answer));
    }

    [Fact]
    public void Pieces_BracketsAndUnknownText_AreToldApart()
    {
        Assert.Equal(["不是", "龘龘", "<", "<mask_3>", "1"], vocabulary.Pieces("不是龘龘<<<mask_3>1").Select(piece => piece.Text));
        Assert.Contains("not closed", Assert.Throws<PeftException>(() => vocabulary.Pieces("a<mask")).Message, StringComparison.Ordinal);
        Assert.Contains("belongs to no group", Assert.Throws<PeftException>(() => new CpmBeeEncoder(vocabulary).Encode(new JsonObject { ["input"] = "<nothing_1>" })).Message, StringComparison.Ordinal);
    }

    private static JsonObject Turned(JsonObject sample, bool turned)
    {
        var copy = sample.DeepClone().AsObject();
        if (turned && copy["<ans>"] is JsonObject { Count: > 1 } answers)
            copy["<ans>"] = new JsonObject([.. answers.Reverse().Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone()))]);
        return copy;
    }
}
