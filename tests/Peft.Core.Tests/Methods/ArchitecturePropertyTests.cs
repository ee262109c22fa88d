using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Decoders;
using Peft.Core.Tensors;
using Peft.Core.Tests.Goldens;
using Peft.Core.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Methods;

/// <summary>
/// Every architecture with every method that fits it, on the tiny models of the recorded cases: it learns, nothing but its own parameters
/// moves, and what is saved computes the same. A new architecture or method adds rows by being there.
/// </summary>
[Collection(TorchCollection.Name)]
public sealed class ArchitecturePropertyTests
{
    private const int Steps = 6;

    private static readonly (string Method, string Config)[] Methods =
    [
        ("LORA", """{"peft_type":"LORA","r":4,"target_modules":"all-linear"}"""),
        ("BITFIT", """{"peft_type":"BITFIT"}"""),
        ("PREFIX_TUNING", """{"peft_type":"PREFIX_TUNING","num_virtual_tokens":3}"""),
    ];

    public static IEnumerable<object[]> Rows() =>
        from model in GoldenCase.Find("model").Select(row => (string)row[0])
        from method in Methods
        where model.StartsWith("models/", StringComparison.Ordinal)
        select new object[] { model, method.Method };

    [SkippableTheory]
    [MemberData(nameof(Rows))]
    public void Method_OnArchitecture_LearnsAndMovesItsOwnAndComesBack(string path, string method)
    {
        var golden = GoldenCase.Open(path);
        Skip.IfNot(ModelRegistry.All.Any(m => m.ModelType == golden.Text("model_type")), $"architecture {golden.Text("model_type")} is not supported yet");
        using var scope = NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        using var folder = new TemporaryFolder();
        using var model = BaseModel.Load(
            golden.Folder, new ModelLoadOptions { Dtype = "float32", Task = ModelTasks.Parse(golden.Text("task")), NumLabels = golden.Json["num_labels"]?.GetValue<int>() });
        var config = Config(method, golden.Text("task"));
        var problems = config.Validate(model.Config).Problems;
        Skip.If(problems.Count > 0, string.Join(" ", problems.Select(p => p.Message)));
        var before = model.Parameters.Select(p => p.Original.clone()).ToArray();
        manual_seed(3);
        double trained;
        using (var adapter = PeftMethods.Create(model, config))
        {
            var start = adapter.State().ToDictionary(p => p.Key, p => p.Value.detach().clone());
            var first = Evaluate(model, io);
            Learn(model, adapter, io);
            trained = Evaluate(model, io);
            Assert.True(trained < first, $"loss {first} became {trained}");
            Assert.Contains(adapter.State(), p => !TensorOps.AllEqual(p.Value, start[p.Key]));
            adapter.Save(folder.Path, "base");
        }

        Assert.All(model.Parameters.Zip(before), pair => Assert.True(TensorOps.AllEqual(pair.First.Value, pair.Second), pair.First.Name));
        using var loaded = PeftMethods.Load(model, folder.Path);
        Assert.Equal(trained, Evaluate(model, io), 1e-4);
    }

    private static PeftConfig Config(string method, string task)
    {
        var json = JsonNode.Parse(Methods.First(m => m.Method == method).Config)!.AsObject();
        json["task_type"] = task == "MASKED_LM" ? null : task;
        return PeftConfig.FromJson(json);
    }

    private static void Learn(BaseModel model, PeftAdapter adapter, GoldenTensors io)
    {
        using var optimizer = new AdamW(adapter.Trainable, new AdamWOptions());
        model.Training = true;
        for (var step = 0; step < Steps; step++)
        {
            using var scope = NewDisposeScope();
            Loss(model, io).backward();
            optimizer.Step(0.01, AdamW.ClipFactor(optimizer.GradientNorm(), 1));
            optimizer.ZeroGrad();
        }

        model.Training = false;
    }

    private static double Evaluate(BaseModel model, GoldenTensors io)
    {
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        return Loss(model, io).item<float>();
    }

    private static Tensor Loss(BaseModel model, GoldenTensors io)
    {
        if (model is CpmBee structured)
            return structured.Loss(CpmBeeGoldenRun.Text(io, "plain"), io["plain/labels"], CpmBeeGoldenRun.Table(io, "plain"));
        if (model.Config.Task != ModelTask.FeatureExtraction)
            return TaskForward.Run(model, io, "plain", segments: true, outputs: false).Loss;
        var (ids, mask) = (io["plain/input_ids"], io.Find("plain/attention_mask"));
        return (model is EncoderModel encoder ? encoder.Hidden(ids, mask) : ((CausalLanguageModel)model).Hidden(ids, mask)).pow(2).mean();
    }
}
