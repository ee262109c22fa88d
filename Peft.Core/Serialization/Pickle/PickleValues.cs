using TorchSharp;

namespace Peft.Core.Serialization.Pickle;

/// <summary>A name that a pickle refers to; nothing of that name is ever looked up or called.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>A dictionary of a pickle, in writing order. Keys may be anything; those of weights are texts.</summary>
internal sealed class PickleDictionary
{
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>A stretch of numbers that stands elsewhere in the file.</summary>
/// <param name="DType">Element type.</param>
/// <param name="Key">Its name in the file.</param>
/// <param name="Count">Elements of the whole stretch.</param>
/// <param name="Start">First element, where this is a part of the stretch (older files).</param>
internal sealed record PickleStorage(torch.ScalarType DType, string Key, long Count, long Start = 0);

/// <summary>A tensor over a stretch of numbers.</summary>
/// <param name="Storage">The stretch.</param>
/// <param name="Offset">First element within it.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Strides">Elements from one to the next, per dimension.</param>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, IReadOnlyList<long> Shape, IReadOnlyList<long> Strides)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (count, size) => count * size);
}
