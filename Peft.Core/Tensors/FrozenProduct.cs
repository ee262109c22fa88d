using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Tensors;

/// <summary>A frozen matrix [out, in] that lies in memory in another form than the one it computes in.</summary>
internal interface IStoredMatrix
{
    /// <summary>Rows (the output width).</summary>
    long Rows { get; }

    /// <summary>Rows that are brought into the computing form at a time.</summary>
    long RowsAtATime { get; }

    /// <summary>
    /// Some rows in the form they compute in, [count, in]. The caller disposes the handle; what it shows may be memory that is lent until
    /// the next call.
    /// </summary>
    Tensor Expand(long start, long count);
}

/// <summary>
/// x·Wᵀ with a frozen W that is expanded for the product, and once more for the gradient, which goes to x alone: neither the expanded
/// matrix nor x is kept between the two.
/// </summary>
internal sealed class FrozenProduct : autograd.SingleTensorFunction<FrozenProduct>
{
    private const string Weight = "weight";

    private static Exception? s_failure;

    // What the last gradient was handed over in: the library takes its content after the call has returned. Freed by the next call, as the
    // scope around a training step would keep the gradients of all layers until its end.
    [ThreadStatic]
    private static Tensor? t_returned;

    public override string Name => nameof(FrozenProduct);

    /// <summary>The product [N, out] of x [N, in]; without a gradient to be had the machinery is left out.</summary>
    /// <exception cref="PeftException">The gradient of an earlier product could not be computed.</exception>
    public static Tensor Of(Tensor input, IStoredMatrix weight)
    {
        if (Interlocked.Exchange(ref s_failure, null) is { } failure)
            throw new PeftException($"The gradient through a frozen layer could not be computed: {failure.Message}", failure);
        return input.requires_grad && is_grad_enabled() ? apply(input, weight) : Product(input, weight);
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var weight = (IStoredMatrix)vars[1];
        ctx.save_data(Weight, weight);
        ctx.set_materialize_grads(false);
        return Product((Tensor)vars[0], weight);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        t_returned?.Dispose();
        t_returned = null;

        // An exception here would pass through native code and end the process: it is kept and raised by the next forward.
        try
        {
            if (grad_output.IsInvalid)
                return [null!, null!];
            t_returned = Gradient(grad_output, (IStoredMatrix)ctx.get_data(Weight)).DetachFromDisposeScope();
            return [t_returned, null!];
        }
#pragma warning disable CA1031 // whatever it is, it must not leave
        catch (Exception error)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref s_failure, error, null);
            return [null!, null!];
        }
        finally
        {
            grad_output.Dispose();
        }
    }

    private static Tensor Product(Tensor input, IStoredMatrix weight)
    {
        if (weight.RowsAtATime >= weight.Rows)
        {
            using var all = weight.Expand(0, weight.Rows);
            return F.linear(input, all);
        }

        var output = empty([input.shape[0], weight.Rows], input.dtype, input.device);
        foreach (var (start, count) in Stretches(weight))
        {
            using var rows = weight.Expand(start, count);
            using var part = F.linear(input, rows);
            using var goal = output.narrow(1, start, count);
            goal.copy_(part);
        }

        return output;
    }

    private static Tensor Gradient(Tensor gradient, IStoredMatrix weight)
    {
        Tensor? sum = null;
        foreach (var (start, count) in Stretches(weight))
        {
            using var rows = weight.Expand(start, count);
            using var part = gradient.narrow(1, start, count);
            if (sum is null)
                sum = part.mm(rows);
            else
                sum.addmm_(part, rows, 1, 1);
        }

        return sum!;
    }

    private static IEnumerable<(long Start, long Count)> Stretches(IStoredMatrix weight)
    {
        for (var start = 0L; start < weight.Rows; start += weight.RowsAtATime)
            yield return (start, Math.Min(weight.RowsAtATime, weight.Rows - start));
    }
}
