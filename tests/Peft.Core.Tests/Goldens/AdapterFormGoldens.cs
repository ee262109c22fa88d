using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>Recorded adapters in their older forms (a pickle, a config of PEFT 0.3): the same tensors, and the same outputs.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class AdapterFormGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("peft");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Adapter_OlderForms_EqualTheRecordedOne(string path)
    {
        var golden = GoldenCase.Open(path);
        Skip.If(golden.Json["variants"] is null, "recorded in one form only");
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        var report = new GoldenReport();
        foreach (var (form, _) in golden.Json["variants"]!.AsObject())
        {
            CheckTensors(golden, form, report);
            if (golden.Text("task_type") == "CAUSAL_LM")
                CheckOutputs(golden, form, report);
        }

        report.Throw();
    }

    private static void CheckTensors(GoldenCase golden, string form, GoldenReport report)
    {
        using var expected = golden.Tensors(Path.Combine("final", "adapter_model.safetensors"));
        var pickled = Path.Combine(golden.Folder, form, "adapter_model.bin");
        using var file = Checkpoint.OpenFile(File.Exists(pickled) ? pickled : Path.ChangeExtension(pickled, ".safetensors"));
        report.Check(expected.Names.Order().SequenceEqual(file.Stored.Keys.Order()), $"{form}: {file.Stored.Count} tensors of other names");
        foreach (var name in expected.Names.Where(file.Stored.ContainsKey))
            report.Check(TensorOps.AllEqual(expected[name], file.Tensor(name)), $"{form}: {name} differs");
    }

    private static void CheckOutputs(GoldenCase golden, string form, GoldenReport report)
    {
        using var io = golden.Tensors("io.safetensors");
        using var model = CausalLanguageModel.Load(golden.Base, new ModelLoadOptions { Dtype = "float32" });
        using var adapter = PeftMethods.Load(model, Path.Combine(golden.Folder, form));
        var mask = io.Find("eval/attention_mask");
        var logits = model.Logits(model.Hidden(io["eval/input_ids"], mask));
        report.Close(io["final/logits"], logits, golden.Tolerance("final/logits"), form, golden.MeanTolerance("final/logits"), mask?.eq(0).unsqueeze(-1));
    }
}
