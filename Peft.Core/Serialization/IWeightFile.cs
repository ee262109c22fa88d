using TorchSharp;

namespace Peft.Core.Serialization;

/// <summary>One tensor as a weights file describes it.</summary>
/// <param name="Name">Tensor name.</param>
/// <param name="DType">Element type it is handed out in.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Bytes">Bytes it takes in the file.</param>
/// <param name="Format">How its numbers are stored: a safetensors code such as <c>BF16</c>, or a block type such as <c>Q4_K</c>.</param>
public sealed record StoredTensor(string Name, torch.ScalarType DType, IReadOnlyList<long> Shape, long Bytes, string Format);

/// <summary>A file of named tensors, whatever its format. Opening validates what the file says about them; tensors are mapped when asked for.</summary>
public interface IWeightFile : IDisposable
{
    /// <summary>The file, for messages.</summary>
    string Path { get; }

    /// <summary>Its tensors by name.</summary>
    IReadOnlyDictionary<string, StoredTensor> Stored { get; }

    /// <summary>A tensor; the caller disposes it, and it stays valid after the file is disposed.</summary>
    /// <exception cref="PeftException">No such tensor, or one that cannot be handed out; names file and tensor.</exception>
    torch.Tensor Tensor(string name);

    /// <summary>Gives pages that were only looked at in passing back to the system, where tensors are mapped; the tensors stay valid.</summary>
    void Forget()
    {
    }
}
