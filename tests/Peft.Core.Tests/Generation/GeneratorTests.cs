using System.Text.Json.Nodes;
using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Models;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Peft.Core.Generation.Generator;

namespace Peft.Core.Tests.Generation;

/// <summary>Decoding with a cache, alone and in batches.</summary>
[Collection(TorchCollection.Name)]
public sealed class GeneratorTests
{
    private static readonly GenerationOptions Ten = new() { MaxNewTokens = 10 };

    [Fact]
    public void Generate_Greedy_EqualsTheArgmaxWithoutCache()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var ids = TinyBase.Ids(2, 5);
        var fast = Generator.Generate(model, ids, null, Ten);
        for (var step = 0; step < 10; step++)
        {
            var hidden = model.Hidden(ids);
            var next = model.Logits(hidden.select(1, hidden.shape[1] - 1)).argmax(-1);
            Assert.Equal(next.data<long>().ToArray(), fast.Select(r => r[step]));
            ids = cat([ids, next.unsqueeze(1)], 1);
        }
    }

    [Theory]
    [InlineData("LORA", TinyBase.Plain)]
    [InlineData("BITFIT", TinyBase.WithBiases)]
    [InlineData("PROMPT_TUNING", TinyBase.Plain)]
    [InlineData("ADAPTION_PROMPT", TinyBase.Plain)]
    [InlineData("HOULSBY", TinyBase.Plain)]
    public void Generate_LeftPaddedBatch_EqualsEveryRowAlone(string method, string name)
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(name);
        manual_seed(3);
        using var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = method }));
        int[] lengths = [3, 7, 5, 1];
        var texts = lengths.Select((length, i) => TinyBase.Ids(1, length, 10 + i)).ToArray();
        var batch = cat([.. texts.Select(t => cat([zeros([1, 7 - t.shape[1]], ScalarType.Int64), t], 1))], 0);
        var mask = cat([.. texts.Select(t => cat([zeros([1, 7 - t.shape[1]], ScalarType.Int64), ones_like(t)], 1))], 0);
        var alone = texts.Select(t => Generator.Generate(model, t, null, Ten)[0]).ToArray();

        // Ends at different steps, so that rows leave the batch on the way.
        var options = Ten with { EosTokenIds = [(int)alone[1][2], (int)alone[2][5]] };
        var expected = alone.Select(row => Cut(row, options.EosTokenIds)).ToArray();
        Assert.Equal(expected, Generator.Generate(model, batch, mask, options));
        Assert.True(expected.Select(r => r.Length).Distinct().Count() > 1);
    }

    [Theory]
    [InlineData("PREFIX_TUNING")]
    [InlineData("PROMPT_TUNING")]
    [InlineData("P_TUNING")]
    public void Generate_WithVirtualTokens_EqualsTheArgmaxWithoutCache(string method)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        manual_seed(3);
        using var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = method, ["num_virtual_tokens"] = 4 }));
        var ids = TinyBase.Ids(2, 5);
        var fast = Generator.Generate(model, ids, null, Ten);
        for (var step = 0; step < 10; step++)
        {
            var hidden = model.Hidden(ids); // virtual tokens of a prompt stand in front here, too
            var next = model.Logits(hidden.select(1, hidden.shape[1] - 1)).argmax(-1);
            Assert.Equal(next.data<long>().ToArray(), fast.Select(r => r[step]));
            ids = cat([ids, next.unsqueeze(1)], 1);
        }
    }

    [Fact]
    public void Generate_SampledWithSeed_IsRepeatableAndSeedsDiffer()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var options = Ten with { DoSample = true, Seed = 1, Temperature = 2 };
        var first = Generator.Generate(model, TinyBase.Ids(), null, options);
        _ = rand(5);
        Assert.Equal(first, Generator.Generate(model, TinyBase.Ids(), null, options));
        Assert.NotEqual(first, Generator.Generate(model, TinyBase.Ids(), null, options with { Seed = 2 }));
    }

    [Fact]
    public void Generate_SampledAmongOne_EqualsGreedy()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var greedy = Generator.Generate(model, TinyBase.Ids(), null, Ten);
        Assert.Equal(greedy, Generator.Generate(model, TinyBase.Ids(), null, Ten with { DoSample = true, Seed = 1, TopK = 1 }));
        Assert.Equal(greedy, Generator.Generate(model, TinyBase.Ids(), null, Ten with { DoSample = true, Seed = 1, TopK = 0, TopP = 1e-6 }));
    }

    [Fact]
    public void Generate_Listener_HearsEveryTokenOnce()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var heard = new List<long[]>();
        var rows = Generator.Generate(model, TinyBase.Ids(), null, Ten, heard.Add);
        Assert.Equal(rows, Enumerable.Range(0, 3).Select(r => heard.Select(step => step[r]).Where(id => id >= 0).ToArray()));
    }

    [Fact]
    public void Generate_Cancelled_StopsAtTheNextToken()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        using var cancellation = new CancellationTokenSource();
        var steps = 0;
        void Listen(long[] ids)
        {
            if (++steps == 3)
                cancellation.Cancel();
        }

        Assert.Throws<OperationCanceledException>(() => Generator.Generate(model, TinyBase.Ids(), null, Ten, Listen, cancellation.Token));
        Assert.Equal(3, steps);
    }

    [Fact]
    public void Generate_Twice_LeavesNoTensorBehind()
    {
        using var model = TinyBase.Load(TinyBase.Plain);
        using var ids = TinyBase.Ids();
        Generator.Generate(model, ids, null, Ten);
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Generator.Generate(model, ids, null, Ten);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Generate_ThenTrain_Works()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        Generator.Generate(model, TinyBase.Ids(), null, Ten);
        using var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "LORA" }));
        CausalLoss.Compute(model, TinyBase.Ids(), null, TinyBase.Ids()).backward();
        Assert.NotNull(adapter.Trainable[1].Tensor.grad);
    }

    [Fact]
    public void Generate_UnusableSettingsOrPadding_AreNamed()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var bad = new GenerationOptions { MaxNewTokens = 0, DoSample = true, Temperature = 0, TopP = 2, TopK = -1 };
        var message = Assert.Throws<PeftException>(() => Generator.Generate(model, TinyBase.Ids(), null, bad)).Message;
        Assert.All(["max_new_tokens", "temperature", "top_k", "top_p"], field => Assert.Contains(field, message, StringComparison.Ordinal));
        var rightPadded = ones_like(TinyBase.Ids());
        rightPadded[1, 9] = tensor(0L);
        Assert.Contains("left", Assert.Throws<PeftException>(() => Generator.Generate(model, TinyBase.Ids(), rightPadded, Ten)).Message, StringComparison.Ordinal);
    }

    private static long[] Cut(long[] row, IReadOnlyList<int> eos)
    {
        var end = Array.FindIndex(row, id => eos.Contains((int)id));
        return end < 0 ? row : row[..(end + 1)];
    }
}
