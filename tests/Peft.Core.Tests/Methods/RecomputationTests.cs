using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Models.Decoders;
using Peft.Core.Tests.Goldens;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Methods;

/// <summary>Gradient checkpointing gives the gradients of keeping everything, for every architecture and every method.</summary>
[Collection(TorchCollection.Name)]
public sealed class RecomputationTests : IDisposable
{
    /// <summary>A tensor that belongs to no living scope any more ends the process when it is collected.</summary>
    public void Dispose()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }


    public static IEnumerable<object[]> Architectures() => GoldenCase.Find("model");

    public static IEnumerable<object[]> Methods() => GoldenCase.Find("peft");

    [SkippableTheory]
    [MemberData(nameof(Architectures))]
    public void Gradients_OfEveryArchitecture_AreThoseWithout(string path)
    {
        var golden = GoldenCase.Open(path);
        Skip.IfNot(ModelRegistry.All.Any(m => m.ModelType == golden.Text("model_type")), $"architecture {golden.Text("model_type")} is not supported yet");
        using var scope = NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        using var model = BaseModel.Load(
            golden.Folder, new ModelLoadOptions { Dtype = "float32", Task = ModelTasks.Parse(golden.Text("task")), NumLabels = golden.Json["num_labels"]?.GetValue<int>() });
        Skip.If(model is CpmBee, "trains nowhere");
        var config = PeftConfig.FromJson(new JsonObject { ["peft_type"] = "FULL" });
        using var adapter = PeftMethods.Create(model, config);
        Compare(model, adapter, () => model.Config.Task == ModelTask.FeatureExtraction ? Squares(model, io) : TaskForward.Run(model, io, "plain", segments: true, outputs: false).Loss);
    }

    [SkippableTheory]
    [MemberData(nameof(Methods))]
    public void Gradients_OfEveryMethod_AreThoseWithout(string path)
    {
        var golden = GoldenCase.Open(path);
        Skip.IfNot(golden.Text("dtype") == "float32" && golden.Json["quant"] is null && PeftMethodRegistry.TryFind(golden.Text("peft_type")) is not null, "another type of numbers, or an unknown method");
        using var scope = NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        using var model = BaseModel.Load(golden.Base, new ModelLoadOptions { Dtype = "float32", Task = ModelTasks.Parse(golden.Text("task_type")) });
        manual_seed(5);
        using var adapter = PeftMethods.Create(model, PeftGoldens.Config(golden));
        using (no_grad())
        {
            // Where B starts at zero A has no gradient to compare.
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.add_(randn_like(tensor) * 0.02);
        }

        if (adapter is IMultitaskAdapter tasks && io.Find("step0/task_ids") is { } ids)
            tasks.TaskIds = ids.data<long>().ToArray();
        Compare(model, adapter, () => TaskForward.Run(model, io, "step0", segments: true, outputs: false).Loss);
    }

    private static void Compare(BaseModel model, PeftAdapter adapter, Func<Tensor> loss)
    {
        var (plainLoss, plain) = Gradients(model, adapter, loss, again: false);
        var (recomputedLoss, recomputed) = Gradients(model, adapter, loss, again: true);

        Assert.Equal(plainLoss, recomputedLoss, 1e-5 * plainLoss); // without gradients another kernel may attend
        var largest = plain.Values.OfType<Tensor>().Max(gradient => gradient.abs().max().item<float>());
        Assert.True(largest > 0);
        foreach (var (name, gradient) in plain)
        {
            var other = recomputed[name];
            Assert.True(other is null == gradient is null || (gradient ?? other)!.abs().max().item<float>() == 0, $"{name}: a gradient is missing");
            if (gradient is not null && other is not null)
                Assert.True((gradient - other).abs().max().item<float>() <= 1e-5 * largest, $"{name}: {(gradient - other).abs().max().item<float>()} of {largest}");
        }
    }

    private static (float Loss, Dictionary<string, Tensor?> Gradients) Gradients(BaseModel model, PeftAdapter adapter, Func<Tensor> loss, bool again)
    {
        manual_seed(9); // the same dropout
        model.Training = true;
        using var scope = NewDisposeScope();
        model.Recomputation = again ? new Recomputation(scope) : null;
        try
        {
            var value = loss();
            value.backward();
            Recomputation.ThrowIfFailed();
            var found = adapter.Trainable.ToDictionary(p => p.Name, p => p.Tensor.grad?.clone().DetachFromDisposeScope());
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.grad?.zero_();
            return (value.item<float>(), found);
        }
        finally
        {
            model.Recomputation = null;
            model.Training = false;
        }
    }

    private static Tensor Squares(BaseModel model, GoldenTensors io)
    {
        var (ids, mask) = (io["plain/input_ids"], io.Find("plain/attention_mask"));
        return (model is EncoderModel encoder ? encoder.Hidden(ids, mask) : ((CausalLanguageModel)model).Hidden(ids, mask)).pow(2).mean();
    }
}
