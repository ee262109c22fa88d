using System.Text.Json.Nodes;
using Peft.Core.Quantization;
using Peft.Core.Tensors;
using Peft.Core.Training.Optimizers;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>4-bit and 8-bit numbers against bitsandbytes' own: packed bytes, scales, expanded values, bit for bit.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class QuantGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("quant");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Quantization_RecordedCase_Agrees(string path)
    {
        var golden = GoldenCase.Open(path);
        using var scope = torch.NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        var report = new GoldenReport();
        switch (golden.Text("operation"))
        {
            case "4bit":
                CheckFourBit(golden, io, report);
                break;
            case "8bit_blockwise":
                CheckEightBit(golden, io, report);
                break;
            case "optimizer":
                CheckOptimizer(golden, io, report, paged: null);
                CheckOptimizer(golden, io, report, paged: 0);
                break;
            default:
                report.Check(false, $"operation {golden.Text("operation")} is not replayed");
                break;
        }

        report.Throw();
    }

    private static void CheckFourBit(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        foreach (var entry in golden.Json["entries"]!.AsArray())
        {
            var name = (string)entry!["name"]!;
            var weight = io[(string)entry["weight"]!];
            using var ours = QuantizedTensor.Quantize(weight, golden.Text("quant_type"), (bool)entry["double_quant"]!, (int)entry["blocksize"]!);
            report.Close(io[name + "/packed"], ours.Packed, golden.Tolerance("packed"), name + "/packed");
            var exact = golden.Tolerance("absmax");
            report.Close(io[name + "/absmax"], ours.Absmax, exact, name + "/absmax");
            if (ours.NestedAbsmax is { } nested)
            {
                report.Close(io[name + "/nested_absmax"], nested, golden.Tolerance("nested_absmax"), name + "/nested_absmax");
                report.Close(io[name + "/absmax_fp32"], ours.BlockAbsmax(), golden.Tolerance("absmax_fp32"), name + "/absmax_fp32");
            }

            CheckState(name, io[name + "/quant_state"], ours.State, report);
            foreach (var dtype in new[] { torch.ScalarType.Float32, torch.ScalarType.BFloat16 })
            {
                var expected = io[name + "/dequantized"].to(dtype);
                report.Close(expected, ours.Dequantize(dtype), golden.Tolerance("dequantized"), $"{name}/dequantized as {dtype}");
                report.Close(expected, ours.DequantizeByLookup(dtype), golden.Tolerance("dequantized"), $"{name}/dequantized by lookup as {dtype}");
            }
        }

        report.Close(io["quant_map"], torch.tensor([.. FourBitCode.Find(golden.Text("quant_type")).Values]), golden.Tolerance("quant_map"), "quant_map");
        report.Close(io["nested_quant_map"], torch.tensor([.. EightBitBlocks.Signed.Map]), golden.Tolerance("nested_quant_map"), "nested_quant_map");
    }

    private static void CheckState(string name, torch.Tensor recorded, QuantizedState ours, GoldenReport report)
    {
        var expected = JsonNode.Parse(recorded.bytes)!.AsObject();
        var actual = JsonNode.Parse(ours.ToJson())!.AsObject();
        foreach (var (field, value) in expected)
        {
            var same = field == "nested_offset"
                ? Math.Abs((double)value! - (double)actual[field]!) <= 1e-9
                : JsonNode.DeepEquals(value, actual[field]);
            report.Check(same, $"{name}/quant_state: {field} is {actual[field]} instead of {value}");
        }

        report.Check(expected.Count == actual.Count, $"{name}/quant_state has {actual.Count} fields instead of {expected.Count}");
        report.Check(QuantizedState.Read(recorded.bytes, name).ToJson() == QuantizedState.Read(QuantizedStateBytes(ours), name).ToJson() || expected.ContainsKey("nested_offset"), $"{name}/quant_state read again");
    }

    private static byte[] QuantizedStateBytes(QuantizedState state) => System.Text.Encoding.UTF8.GetBytes(state.ToJson());

    private static void CheckEightBit(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        report.Close(io["map_signed"], torch.tensor([.. EightBitBlocks.Signed.Map]), 0, "map_signed");
        report.Close(io["map_unsigned"], torch.tensor([.. EightBitBlocks.Unsigned.Map]), 0, "map_unsigned");
        foreach (var node in golden.Json["entries"]!.AsArray())
            CheckEntry(golden, io, node!, report);
    }

    private static void CheckEntry(GoldenCase golden, GoldenTensors io, JsonNode entry, GoldenReport report)
    {
        var name = (string)entry["name"]!;
        var blocks = (string)entry["map"]! == "map_signed" ? EightBitBlocks.Signed : EightBitBlocks.Unsigned;
        var (size, value) = ((int)entry["blocksize"]!, io[(string)entry["value"]!]);
        var values = value.to(torch.ScalarType.Float32).contiguous().data<float>().ToArray();
        var (indices, absmax, expanded) = (new byte[values.Length], new float[(values.Length + size - 1) / size], new float[values.Length]);
        blocks.Quantize(values, size, indices, absmax);
        blocks.Dequantize(indices, size, absmax, expanded);
        report.Close(io[name + "/quantized"], torch.tensor(indices).view(value.shape), golden.Tolerance("quantized"), name + "/quantized");
        report.Close(io[name + "/absmax"], torch.tensor(absmax), golden.Tolerance("absmax"), name + "/absmax");
        report.Close(io[name + "/dequantized"], torch.tensor(expanded).view(value.shape).to(value.dtype), golden.Tolerance("dequantized"), name + "/dequantized");
    }

    private static void CheckOptimizer(GoldenCase golden, GoldenTensors io, GoldenReport report, long? paged)
    {
        var settings = golden.Json["optimizer"]!;
        var parameters = golden.Json["shapes"]!.AsObject().Select(s => new NamedParameter(s.Key, io["initial/" + s.Key].clone().requires_grad_())).ToList();
        using var optimizer = new AdamW(parameters, new AdamWOptions
        {
            Beta1 = (double)settings["betas"]![0]!,
            Beta2 = (double)settings["betas"]![1]!,
            Epsilon = (double)settings["eps"]!,
            WeightDecay = (double)settings["weight_decay"]!,
            Decays = _ => true,
            StateBits = (string)settings["name"]! == "adamw_8bit" ? 8 : 32,
            PagedBudget = paged,
        });
        var recorded = golden.Json["recorded_steps"]!.AsArray().Select(s => (int)s!).ToList();
        for (var step = 0; step < (int)golden.Number("steps"); step++)
        {
            foreach (var (name, parameter) in parameters)
                parameter.grad = io[$"step{step}/grad/{name}"].clone();
            optimizer.Step((double)settings["lr"]!);
            if (!recorded.Contains(step))
                continue;
            foreach (var (name, parameter) in parameters)
                report.Close(io[$"step{step}/param/{name}"], parameter, golden.Tolerance("param"), $"step {step} {name}");
            foreach (var (name, state) in optimizer.State())
                CheckMoment(golden, io, step, name, state, report);
        }
    }

    private static void CheckMoment(GoldenCase golden, GoldenTensors io, int step, string name, torch.Tensor state, GoldenReport report)
    {
        var kind = name.Replace("exp_avg_sq", "state2", StringComparison.Ordinal).Replace("exp_avg", "state1", StringComparison.Ordinal);
        var expected = io[$"step{step}/{kind}"];
        if (state.dtype != torch.ScalarType.Byte)
        {
            report.Close(expected, state, golden.Tolerance(kind.StartsWith("absmax", StringComparison.Ordinal) ? "absmax" : "state32"), $"step {step} {kind}");
            return;
        }

        report.Close(expected, state, golden.Tolerance("state8_max_index_difference"), $"step {step} {kind}");
        var different = expected.ne(state).to(torch.ScalarType.Float64).mean().item<double>();
        report.Check(different <= golden.Tolerance("state8_max_fraction_different"), $"step {step} {kind}: {different:P3} of the indices differ");
    }
}
