using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Gradient checkpointing (https://arxiv.org/abs/1604.06174): a layer keeps its input alone and is computed again when its gradient is
/// wanted. What a forward shares between layers stays until the gradients are there.
/// </summary>
/// <param name="scope">Lives until the gradients of a batch have been computed.</param>
public sealed class Recomputation(DisposeScope scope)
{
    private static Exception? s_failure;

    // A tensor that is moved into the scope it is in falls out of it.
    private readonly HashSet<Tensor> kept = new(ReferenceEqualityComparer.Instance);

    /// <summary>Where tensors belong that layers look at again.</summary>
    internal DisposeScope Scope => scope;

    /// <summary>Raises what went wrong while gradients were computed: there it could not be raised without ending the process.</summary>
    /// <exception cref="PeftException">A layer could not be computed again.</exception>
    public static void ThrowIfFailed()
    {
        if (Interlocked.Exchange(ref s_failure, null) is { } failure)
            throw new PeftException($"gradient_checkpointing: a layer could not be computed again: {failure.Message} If memory ran out, lower per_device_train_batch_size or max_length.", failure);
    }

    /// <summary>Keeps a tensor until the gradients are there.</summary>
    internal Tensor Keep(Tensor tensor) => kept.Add(tensor) ? tensor.MoveToOtherDisposeScope(scope) : tensor;

    /// <summary>A layer from its input to its output.</summary>
    internal Tensor Layer(Tensor h, Func<Tensor, Tensor> layer) => Layer(h, null, (x, _) => layer(x));

    /// <summary>A layer with a second input that gets a gradient, too.</summary>
    internal Tensor Layer(Tensor h, Tensor? beside, Func<Tensor, Tensor?, Tensor> layer)
    {
        if (!is_grad_enabled())
            return layer(h, beside);

        // Without a gradient to be had at the input nothing would be computed again, and what trains inside would get none.
        if (!h.requires_grad)
            h = h.detach().requires_grad_(true);
        return RecomputedLayer.apply(new LayerCall(layer, Keep(get_rng_state())), h, beside!);
    }

    private static void Failed(Exception error) => Interlocked.CompareExchange(ref s_failure, error, null);

    /// <summary>A layer, and where chance stood when it was computed first: dropout has to drop the same.</summary>
    private sealed record LayerCall(Func<Tensor, Tensor?, Tensor> Body, Tensor Chance);

    private sealed class RecomputedLayer : autograd.SingleTensorFunction<RecomputedLayer>
    {
        private const string Call = "call";

        public override string Name => nameof(RecomputedLayer);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var call = (LayerCall)vars[0];
            var (h, beside) = ((Tensor)vars[1], vars[2] as Tensor);
            ctx.save_data(Call, call);
            ctx.save_for_backward(beside is null ? [h] : [h, beside]);
            return call.Body(h, beside);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            // An exception here would pass through native code and end the process: it is kept and raised behind the backward pass.
            try
            {
                return Gradients(ctx, grad_output);
            }
#pragma warning disable CA1031 // whatever it is, it must not leave
            catch (Exception error)
#pragma warning restore CA1031
            {
                Failed(error);
                return [null!, null!, null!];
            }
        }

        private static List<Tensor> Gradients(autograd.AutogradContext ctx, Tensor gradient)
        {
            using var scope = NewDisposeScope();
            using var gradOn = enable_grad();
            var call = (LayerCall)ctx.get_data(Call);
            var saved = ctx.get_saved_variables();
            var wanted = saved.Select(tensor => tensor.requires_grad).ToArray();
            var inputs = saved.Select((tensor, i) => wanted[i] ? tensor.detach().requires_grad_(true) : tensor.detach()).ToArray();
            var chance = get_rng_state();
            set_rng_state(call.Chance);
            var output = call.Body(inputs[0], inputs.Length > 1 ? inputs[1] : null);
            set_rng_state(chance);

            // What layers share (a prefix, a table of distances) has a graph that several of them go through.
            autograd.backward([output], [gradient], retain_graph: true);
            Tensor Of(int i) => i < inputs.Length && wanted[i] && inputs[i].grad is { } found ? found.MoveToOuterDisposeScope() : null!;
            return [null!, Of(0), Of(1)];
        }
    }
}
