namespace Peft.Core.Methods.Layout;

/// <summary>
/// Checkpoints of the Llama family list the norms of a layer behind attention and feed-forward part, whatever the order they compute in. A
/// picture is read from the input to the output, so they go where they act.
/// </summary>
internal static class LayoutOrder
{
    /// <summary>Rearranges the groups of a layer that ends with its norms; leaves others as they are.</summary>
    public static void Arrange(List<(string Path, LayoutGroup Group)> groups)
    {
        var norms = groups.Count - 1 - groups.FindLastIndex(g => !IsNorm(g.Group));
        var parts = groups.Count - norms;
        if (parts != 2 || groups.Take(parts).Any(g => IsNorm(g.Group)))
            return;
        var (attention, feedForward, tail) = (groups[0], groups[1], groups.Skip(parts).ToArray());
        var before = tail.Length > 0 && tail[0].Group.Modules[0].Name.Contains("input", StringComparison.Ordinal);
        (string, LayoutGroup)[]? order = tail.Length switch
        {
            2 when before => [tail[0], attention, tail[1], feedForward],
            2 => [attention, tail[0], feedForward, tail[1]],
            4 => [tail[0], attention, tail[1], tail[2], feedForward, tail[3]],
            _ => null,
        };
        if (order is null)
            return;
        groups.Clear();
        groups.AddRange(order);
    }

    private static bool IsNorm(LayoutGroup group) => group.Modules is [{ Kind: ModuleKind.Norm }];
}
