using Peft.Core.Models;
using Peft.Core.Serialization.Gguf;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>GGUF files against recorded numbers: every block type, and whole models read as bases.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class GgufGoldens
{
    public static IEnumerable<object[]> Blocks() => GoldenCase.Find("gguf-blocks");

    public static IEnumerable<object[]> Models() => GoldenCase.Find("gguf-model");

    [SkippableTheory]
    [MemberData(nameof(Blocks))]
    public void Blocks_OfEveryType_DecodeToTheRecordedNumbers(string path)
    {
        var golden = GoldenCase.Open(path);
        using var scope = torch.NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        var report = new GoldenReport();
        foreach (var (name, described) in golden.Json["types"]!.AsObject())
        {
            var type = GgufType.All.FirstOrDefault(t => t.Name == name);
            report.Check(type is not null, $"{name}: not known");
            if (type is null)
                continue;
            report.Check(type.BlockElements == described!["block_elements"]!.GetValue<int>() && type.BlockBytes == described["block_bytes"]!.GetValue<int>(), $"{name}: another size of blocks");
            using var folder = new TemporaryFolder();
            var (file, raw, expected) = (folder.File(name), io[name + ".raw"], io[name + ".f32"]);
            File.WriteAllBytes(file, raw.contiguous().bytes.ToArray());
            using var mapped = new Peft.Core.Serialization.MappedFile(file);
            var values = GgufWeights.Values(mapped, new GgufTensor(name, type, expected.shape, 0, raw.numel()));
            report.Close(expected, values, golden.Tolerance("f32"), name);
        }

        report.Throw();
    }

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Model_InOneFile_GivesTheRecordedLogits(string path)
    {
        var golden = GoldenCase.Open(path);
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var io = golden.Tensors("io.safetensors");
        using var model = CausalLanguageModel.Load(Path.Combine(golden.Folder, "model.gguf"), new ModelLoadOptions { Dtype = "float32" });
        var report = new GoldenReport();
        report.Close(io["logits"], model.Logits(model.Hidden(io["input_ids"])), golden.Tolerance("logits"), "logits");
        report.Throw();
    }
}
