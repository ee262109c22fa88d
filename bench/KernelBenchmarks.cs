using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Peft.Core.Runtime;
using Peft.Core.Tensors;
using Peft.Core.Training.Optimizers;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Bench;

/// <summary>The kernels that a step is made of, one by one, in the shapes of configuration A.</summary>
[Config(typeof(InProcess))]
public class KernelBenchmarks : IDisposable
{
    private const int Rows = 2048, Width = 320, Inner = 864, Vocabulary = 8192;

    private Tensor x = null!;
    private Tensor weight = null!;
    private Tensor weight16 = null!;
    private Tensor x16 = null!;
    private Tensor logits = null!;
    private Tensor targets = null!;
    private Tensor heads = null!;
    private Tensor trained = null!;
    private AdamW adamw = null!;

    /// <summary>Makes the operands.</summary>
    [GlobalSetup]
    public void Setup()
    {
        TorchRuntime.Initialize(0);
        manual_seed(1);
        x = randn(Rows, Width);
        weight = randn(Inner, Width);
        (x16, weight16) = (x.to(ScalarType.BFloat16), weight.to(ScalarType.BFloat16));
        logits = randn(Rows, Vocabulary);
        targets = randint(0, Vocabulary, [Rows], ScalarType.Int64);
        heads = randn(8, 10, 256, 32);
        trained = randn(1_000_000).requires_grad_();
        adamw = new AdamW([new NamedParameter("w", trained)]);
        (trained * 1).sum().backward();
    }

    /// <summary>A product in float32.</summary>
    [Benchmark]
    public void LinearFloat32()
    {
        using var gradOff = no_grad();
        F.linear(x, weight).Dispose();
    }

    /// <summary>The same in bfloat16.</summary>
    [Benchmark]
    public void LinearBFloat16()
    {
        using var gradOff = no_grad();
        F.linear(x16, weight16).Dispose();
    }

    /// <summary>Causal attention of eight rows.</summary>
    [Benchmark]
    public void Attention()
    {
        using var gradOff = no_grad();
        F.scaled_dot_product_attention(heads, heads, heads, null, 0, true).Dispose();
    }

    /// <summary>The loss over the vocabulary.</summary>
    [Benchmark]
    public void CrossEntropy()
    {
        using var gradOff = no_grad();
        F.cross_entropy(logits, targets).Dispose();
    }

    /// <summary>An update of a million values.</summary>
    [Benchmark]
    public void AdamWMillion() => adamw.Step(1e-6);

    /// <summary>The gradient's length over a million values.</summary>
    [Benchmark]
    public double GradientNormMillion() => adamw.GradientNorm();

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var tensor in new[] { x, weight, x16, weight16, logits, targets, heads, trained })
            tensor?.Dispose();
        adamw?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>In this process: the native library is found beside it, and nothing has to be built anew.</summary>
    private sealed class InProcess : BenchmarkDotNet.Configs.ManualConfig
    {
        public InProcess() => AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
    }
}
