using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// Two LoRA adapters by the changes they make, module by module. A and B alone say little: another A with another B can be the same change. Inner products
/// of changes need matrices of the ranks only: ⟨B₁A₁, B₂A₂⟩ = Σ (B₁ᵀB₂) ⊙ (A₁A₂ᵀ).
/// </summary>
public static class LoraComparison
{
    /// <summary>Compares two folders.</summary>
    /// <exception cref="PeftException">A folder that holds no LoRA adapter.</exception>
    public static IReadOnlyList<ComparedTensor> OfChanges(string first, string second)
    {
        using var gradOff = no_grad();
        using var one = LoraFolder.Open(first);
        using var two = LoraFolder.Open(second);
        var paths = one.Modules.Concat(two.Modules).Select(m => m.Path).Distinct(StringComparer.Ordinal);
        return [.. paths.Select(path => Compare(path, one.Modules.FirstOrDefault(m => m.Path == path), two.Modules.FirstOrDefault(m => m.Path == path)))];
    }

    private static ComparedTensor Compare(string path, SavedLora? first, SavedLora? second)
    {
        using var scope = NewDisposeScope();
        double? x = first is null ? null : Math.Sqrt(Math.Max(0, Product(first, first)));
        double? y = second is null ? null : Math.Sqrt(Math.Max(0, Product(second, second)));
        var comparable = first is not null && second is not null && x > 0 && y > 0 && first.A.shape[1] == second.A.shape[1] && first.B.shape[0] == second.B.shape[0];
        return new ComparedTensor(path, x, y, comparable ? Product(first!, second!) / (x!.Value * y!.Value) : null);
    }

    private static double Product(SavedLora first, SavedLora second)
    {
        var (a1, a2) = (first.A.to(ScalarType.Float64), second.A.to(ScalarType.Float64));
        var (b1, b2) = (first.B.to(ScalarType.Float64), second.B.to(ScalarType.Float64));
        return (b1.t().mm(b2) * a1.mm(a2.t())).sum().item<double>() * first.Scaling * second.Scaling;
    }
}
