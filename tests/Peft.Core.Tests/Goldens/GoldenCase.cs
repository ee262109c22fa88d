using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Serialization;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>
/// One recorded case: a folder with a <c>case.json</c>. The tree is walked for them, so that the same tests run over any other folder:
/// PEFT_GOLDENS names the root that paths inside cases are relative to, PEFT_GOLDENS_ONLY a folder below it.
/// </summary>
internal sealed class GoldenCase
{
    private GoldenCase(string folder)
    {
        Folder = folder;
        Json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!.AsObject();
    }

    /// <summary>The root that paths inside cases are relative to.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("PEFT_GOLDENS") is { Length: > 0 } given
        ? Path.GetFullPath(given)
        : Path.Combine(AppContext.BaseDirectory, "Goldens", "data");

    public string Folder { get; }

    public JsonObject Json { get; }

    public string Kind => Text("kind");

    public static GoldenCase Open(string relative)
    {
        Skip.If(relative == None, "there is no case of this kind in the tree");
        return new GoldenCase(Path.Combine(Root, relative));
    }


    /// <summary>Stands for a tree without a case of the wanted kind, since a theory without data counts as a failure.</summary>
    private const string None = "none";

    /// <summary>The folders of all cases of some kinds, relative to the root.</summary>
    public static IEnumerable<object[]> Find(params string[] kinds) => Where(kinds.Contains);

    /// <summary>The folders of all cases of other kinds, relative to the root.</summary>
    public static IEnumerable<object[]> FindOther(params string[] kinds) => Where(kind => !kinds.Contains(kind));

    private static IEnumerable<object[]> Where(Func<string, bool> wanted)
    {
        var found = false;
        var only = Environment.GetEnvironmentVariable("PEFT_GOLDENS_ONLY") ?? "";
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, only), "case.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var folder = Path.GetDirectoryName(file)!;
            if (!wanted(new GoldenCase(folder).Kind))
                continue;
            found = true;
            yield return [Path.GetRelativePath(Root, folder)];
        }

        if (!found)
            yield return [None];
    }

    public string Text(string field) => Json[field]?.GetValue<string>() ?? "";

    public bool Flag(string field) => Json[field]?.GetValue<bool>() ?? false;

    public double Number(string field) => Json[field]!.GetValue<double>();

    public string Base => Path.Combine(Root, Text("base"));

    public double Tolerance(string quantity, string? tensor = null)
    {
        if (tensor is not null && Json["tolerance_by_tensor"]?[tensor] is { } special)
            return special.GetValue<double>();
        return Json["tolerance"]![quantity]?.GetValue<double>()
            ?? throw new InvalidDataException($"{Folder}: case.json has no tolerance for '{quantity}'.");
    }

    public double? MeanTolerance(string quantity) => Json["tolerance_mean"]?[quantity]?.GetValue<double>();

    public GoldenTensors Tensors(string file) => new(Path.Combine(Folder, file));

    public override string ToString() => Path.GetRelativePath(Root, Folder);
}

/// <summary>The recorded tensors of a case.</summary>
internal sealed class GoldenTensors : IDisposable
{
    private readonly SafetensorsFile file;

    public GoldenTensors(string path) => file = SafetensorsFile.Open(path);

    public IEnumerable<string> Names => file.Names;

    public IReadOnlyDictionary<string, string> Metadata => file.Header.Metadata;

    public torch.Tensor this[string name] => file.Tensor(name);

    public torch.Tensor? Find(string name) => file.Contains(name) ? file.Tensor(name) : null;

    public double Scalar(string name)
    {
        using var tensor = file.Tensor(name);
        return tensor.to(torch.ScalarType.Float64).item<double>();
    }

    public double[] Numbers(string name)
    {
        using var tensor = file.Tensor(name);
        return tensor.to(torch.ScalarType.Float64).data<double>().ToArray();
    }

    public void Dispose() => file.Dispose();
}

/// <summary>Gathers every deviation of a case, so that one run shows them all.</summary>
internal sealed class GoldenReport
{
    private readonly List<string> failures = [];

    public void Check(bool holds, string message)
    {
        if (!holds)
            failures.Add(message);
    }

    public void Close(double expected, double actual, double tolerance, string what) =>
        Check(Math.Abs(expected - actual) <= tolerance, Line(what, $"{actual:G9} instead of {expected:G9}", tolerance));

    /// <summary>Compares element by element; elements where <paramref name="except"/> is 1 are left out.</summary>
    public void Close(torch.Tensor expected, torch.Tensor actual, double tolerance, string what, double? meanTolerance = null, torch.Tensor? except = null)
    {
        using var scope = torch.NewDisposeScope();
        if (!expected.shape.AsSpan().SequenceEqual(actual.shape))
        {
            failures.Add($"{what}: shape [{string.Join(", ", actual.shape)}] instead of [{string.Join(", ", expected.shape)}]");
            return;
        }

        var difference = (expected.to(torch.ScalarType.Float64) - actual.detach().to(torch.ScalarType.Float64)).abs();
        if (except is not null)
            difference = difference * (1 - except.to(torch.ScalarType.Float64));
        if (difference.numel() == 0)
            return;
        var (largest, mean) = (difference.max().item<double>(), difference.mean().item<double>());
        Check(largest <= tolerance, Line(what, $"off by {largest:G4}", tolerance));
        if (meanTolerance is { } limit)
            Check(mean <= limit, Line(what + " (mean)", $"off by {mean:G4}", limit));
    }

    public void Throw()
    {
        if (failures.Count > 0)
            Assert.Fail(string.Join(Environment.NewLine, failures));
    }

    private static string Line(string what, string seen, double tolerance) =>
        string.Create(CultureInfo.InvariantCulture, $"{what}: {seen}, allowed {tolerance:G4}");
}
