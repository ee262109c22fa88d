using TorchSharp;

namespace Peft.Core.Serialization.Pickle;

/// <summary>PyTorch's names of storages.</summary>
internal static class StorageTypes
{
    private static readonly Dictionary<string, torch.ScalarType> s_known = new(StringComparer.Ordinal)
    {
        ["FloatStorage"] = torch.ScalarType.Float32,
        ["HalfStorage"] = torch.ScalarType.Float16,
        ["BFloat16Storage"] = torch.ScalarType.BFloat16,
        ["DoubleStorage"] = torch.ScalarType.Float64,
        ["LongStorage"] = torch.ScalarType.Int64,
        ["IntStorage"] = torch.ScalarType.Int32,
        ["ShortStorage"] = torch.ScalarType.Int16,
        ["CharStorage"] = torch.ScalarType.Int8,
        ["ByteStorage"] = torch.ScalarType.Byte,
        ["BoolStorage"] = torch.ScalarType.Bool,
    };

    public static string Known { get; } = string.Join(", ", s_known.Keys);

    public static torch.ScalarType? Find(string name) => s_known.TryGetValue(name, out var type) ? type : null;
}
