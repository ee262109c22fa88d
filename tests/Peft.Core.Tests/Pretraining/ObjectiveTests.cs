using Peft.Core.Pretraining.Objectives;

namespace Peft.Core.Tests.Pretraining;

public sealed class ObjectiveTests
{
    private const int Mask = 999;

    private static MaskedLanguageModel Masked => new(1, 2, Mask, 1000, id => id is < 6 or Mask, 0.15);

    private static SpanCorruption Spans => new([.. Enumerable.Range(0, 100).Select(i => 5000 - i)], 2, 0.15, 3);

    [Fact]
    public void MaskedLanguageModel_ManyRows_HidesFifteenPercentAsEightyTenTen()
    {
        var random = new Random(1);
        var tokens = Enumerable.Range(0, 100).Select(i => 100 + i).ToArray();
        var (wanted, masked, kept, other) = (0, 0, 0, 0);
        for (var row = 0; row < 2000; row++)
        {
            var example = Masked.Make(tokens, random);
            Assert.Equal(102, example.Input.Length);
            Assert.Equal((1, 2), (example.Input[0], example.Input[^1]));
            Assert.Equal((-100, -100), (example.Labels[0], example.Labels[^1]));
            for (var i = 0; i < tokens.Length; i++)
            {
                if (example.Labels[i + 1] == -100)
                {
                    Assert.Equal(tokens[i], example.Input[i + 1]);
                    continue;
                }

                Assert.Equal(tokens[i], example.Labels[i + 1]);
                wanted++;
                if (example.Input[i + 1] == Mask)
                    masked++;
                else if (example.Input[i + 1] == tokens[i])
                    kept++;
                else
                    other++;
            }
        }

        Assert.InRange(wanted / 200_000.0, 0.149, 0.151);
        Assert.InRange((double)masked / wanted, 0.79, 0.81);
        Assert.InRange((double)kept / wanted, 0.09, 0.11);
        Assert.InRange((double)other / wanted, 0.09, 0.11);
    }

    [Fact]
    public void MaskedLanguageModel_SpecialTokens_AreNeverHidden()
    {
        var random = new Random(2);
        for (var row = 0; row < 200; row++)
        {
            var example = Masked.Make([3, 4, 50], random);
            Assert.Equal([-100, -100, -100, 50, -100], example.Labels);
            Assert.DoesNotContain(example.Input[3], new[] { 0, 1, 2, 3, 4, 5 });
        }

        Assert.All(Masked.Make([3, 4], random).Labels, label => Assert.Equal(-100, label));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(250)]
    [InlineData(4000)]
    public void SpanCorruption_InputAndOutputTogether_AreTheText(int length)
    {
        var random = new Random(length);
        var tokens = Enumerable.Range(0, length).Select(_ => random.Next(6, 4000)).ToArray();
        for (var row = 0; row < 20; row++)
        {
            var example = Spans.Make(tokens, random);

            Assert.Equal(tokens, Restore(example));
            Assert.Equal(2, example.Input[^1]);
            Assert.Equal(2, example.Labels[^1]);
        }
    }

    [Fact]
    public void SpanCorruption_ManyRows_HidesFifteenPercentInStretchesOfThree()
    {
        var random = new Random(3);
        var tokens = Enumerable.Range(0, 200).Select(i => 100 + i).ToArray();
        var (hidden, spans) = (0, 0);
        for (var row = 0; row < 500; row++)
        {
            var labels = Spans.Make(tokens, random).Labels;
            spans += labels.Count(id => id > 4900);
            hidden += labels.Count(id => id < 4900) - 1;
        }

        Assert.Equal(30 * 500, hidden);
        Assert.Equal(10 * 500, spans);
    }

    [Fact]
    public void SpanCorruption_OneToken_IsWrittenWhole()
    {
        var example = Spans.Make([70], new Random(4));

        Assert.Equal([5000, 2], example.Input);
        Assert.Equal([5000, 70, 2], example.Labels);
    }

    [Fact]
    public void NextToken_Row_PredictsItself()
    {
        var example = new NextToken(1, 2).Make([7, 8], new Random(5));

        Assert.Equal([1, 7, 8, 2], example.Input);
        Assert.Equal(example.Input, example.Labels);
    }

    [Fact]
    public void Make_SameRandomNumbers_GiveTheSameRow()
    {
        int[] tokens = [.. Enumerable.Range(100, 60)];
        foreach (IObjective objective in new IObjective[] { Masked, Spans })
        {
            var (a, b, c) = (objective.Make(tokens, new Random(9)), objective.Make(tokens, new Random(9)), objective.Make(tokens, new Random(10)));
            Assert.Equal(a.Input, b.Input);
            Assert.Equal(a.Labels, b.Labels);
            Assert.NotEqual(a.Labels, c.Labels);
        }
    }

    /// <summary>Puts what the output says behind each sentinel in the sentinel's place in the input.</summary>
    private static int[] Restore(PretrainingExample example)
    {
        var hidden = new Dictionary<int, List<int>>();
        var current = 0;
        foreach (var id in example.Labels[..^1])
        {
            if (id > 4900)
                hidden.Add(current = id, []);
            else
                hidden[current].Add(id);
        }

        return [.. example.Input[..^1].SelectMany(id => id > 4900 ? (IEnumerable<int>)hidden[id] : [id])];
    }
}
