using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>Attaches methods to models.</summary>
public static class PeftMethods
{
    /// <summary>
    /// Attaches a fresh adapter. Initial values come from the tensor library's global generator, consumed in PEFT's order: seed it right
    /// before, and the values equal PEFT's.
    /// </summary>
    /// <exception cref="PeftException">The config does not fit the model; all problems are in the message.</exception>
    public static PeftAdapter Create(BaseModel model, PeftConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate(model.Config).ThrowIfInvalid();
        var method = PeftMethodRegistry.Find(config.PeftType);
        if (method.NeedsFloat32Base && model.DType != TorchSharp.torch.ScalarType.Float32)
            throw new PeftException($"{method.DisplayName} trains the base's own weights and needs them in float32: load the base with dtype float32.");
        if (method.NeedsFloat32Base && model.Quantization is not null)
            throw new PeftException($"{method.DisplayName} trains the base's own weights, which a 4-bit base does not have.");
        return method.Create(model, config);
    }

    /// <summary>Attaches a saved adapter for inference. Its tensors do not train.</summary>
    /// <exception cref="PeftException">Missing or damaged files, or an adapter made for another base.</exception>
    public static PeftAdapter Load(BaseModel model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        var config = PeftConfig.Load(folder);
        return PeftMethodRegistry.Find(config.PeftType).Load(model, config, folder);
    }
}
