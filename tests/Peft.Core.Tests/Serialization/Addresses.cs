using System.Runtime.CompilerServices;
using TorchSharp;

namespace Peft.Core.Tests.Serialization;

/// <summary>Whether two tensors are the same memory: a file that is mapped hands the same out twice, a copied one does not.</summary>
internal static class Addresses
{
    public static bool Same(torch.Tensor a, torch.Tensor b) => Unsafe.AreSame(ref a.bytes[0], ref b.bytes[0]);
}
