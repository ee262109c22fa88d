using System.Globalization;
using System.Text.RegularExpressions;
using Peft.Core.Models;

namespace Peft.Core.Methods.Layout;

/// <summary>Collects what trains by its place in the base, from names and shapes alone.</summary>
internal sealed partial class LayoutBuilder
{
    private readonly ModelConfig model;
    private readonly List<Node> nodes = [];
    private readonly Dictionary<string, Node> byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<LayoutTensor>> groupTensors = new(StringComparer.Ordinal);

    public LayoutBuilder(ModelConfig model)
    {
        this.model = model;
        foreach (var parameter in model.Parameters())
        {
            var path = ModuleOf(parameter.Name);
            if (!byPath.TryGetValue(path, out var node))
                node = Append(path);
            node.Parameters += parameter.Count;
            if (node.Shape.Count < parameter.Shape.Count)
                node.Shape = [.. parameter.Shape];
        }

        if (model.Outline.Head is { } head && !byPath.ContainsKey(head.Path))
            Append(head.Path).Shape = [head.OutFeatures, head.InFeatures];

        // Places that methods add something to as a whole: attentions, and where sub-layers end.
        foreach (var path in nodes.Select(n => n.Parent).Where(p => p.Length > 0).Concat(model.Outline.Attentions).Concat(model.Outline.Sublayers.Select(s => s.Path)))
            groupTensors.TryAdd(path, []);
    }

    public List<LayoutTensor> Input { get; } = [];

    public List<LayoutTensor> Attention { get; } = [];

    /// <summary>Puts a trained tensor to its place.</summary>
    public void Add(TrainableShape shape, PeftPlace place)
    {
        var name = WithoutPrefix(shape.Name);
        for (var dot = name.LastIndexOf('.'); dot > 0; dot = name.LastIndexOf('.', dot - 1))
        {
            var path = name[..dot];
            var tensor = new LayoutTensor(name[(dot + 1)..], shape.Shape, shape.Count);
            if (byPath.TryGetValue(path, out var node))
            {
                if (shape.InBase || shape.Replaces)
                    node.Trained += shape.Count;
                else
                    node.Added.Add(tensor);
                return;
            }

            if (groupTensors.TryGetValue(path, out var group))
            {
                group.Add(tensor);
                return;
            }
        }

        (place == PeftPlace.Attention ? Attention : Input).Add(new LayoutTensor(name, shape.Shape, shape.Count));
    }

    /// <summary>Layers and what stands around them, like layers in a row as one.</summary>
    public IReadOnlyList<LayoutPart> Parts()
    {
        var parts = new List<LayoutPart>();
        foreach (var run in Runs())
        {
            var part = run[0].Layer < 0
                ? new LayoutPart("", -1, 1, [.. run.Select(n => new LayoutGroup("", 1, [n.Module(n.Path)], []))])
                : new LayoutPart(run[0].Stack, run[0].Layer, 1, Groups(run));
            if (parts.LastOrDefault() is { First: >= 0 } last && last.Path == part.Path && Signature(last.Groups) == Signature(part.Groups))
                parts[^1] = last with { Count = last.Count + 1 };
            else
                parts.Add(part);
        }

        return parts;
    }

    private Node Append(string path)
    {
        var match = LayerNumber().Match(path);
        var node = new Node(path, KindOf(path))
        {
            Stack = match.Success ? match.Groups["stack"].Value : "",
            Layer = match.Success ? int.Parse(match.Groups["layer"].ValueSpan, CultureInfo.InvariantCulture) : -1,
        };
        nodes.Add(node);
        return byPath[path] = node;
    }

    private ModuleKind KindOf(string path) => path == model.HeadPath ? ModuleKind.Head
        : model.Outline.Embeddings.Any(e => e.Path == path) ? ModuleKind.Embedding
        : model.Outline.Norms.Contains(path) ? ModuleKind.Norm
        : model.Outline.Linears.Any(l => l.Path == path) ? ModuleKind.Linear
        : ModuleKind.Other;

    /// <summary>Modules of one layer, or modules outside in a row.</summary>
    private IEnumerable<List<Node>> Runs()
    {
        List<Node> run = [];
        foreach (var node in nodes)
        {
            if (run.Count > 0 && (run[0].Stack != node.Stack || run[0].Layer != node.Layer))
            {
                yield return run;
                run = [];
            }

            run.Add(node);
        }

        if (run.Count > 0)
            yield return run;
    }

    private List<LayoutGroup> Groups(List<Node> layer)
    {
        var root = $"{layer[0].Stack}.{layer[0].Layer}";
        string Inside(string path) => path.Length <= root.Length ? "" : path[(root.Length + 1)..];
        var groups = new List<(string Path, LayoutGroup Group)>();
        foreach (var nested in layer.GroupBy(n => n.Parent == root ? n.Path : n.Parent))
        {
            var modules = nested.ToList();
            var alone = modules.TrueForAll(n => n.Path == nested.Key);
            groups.Add((nested.Key, alone
                ? new LayoutGroup("", 1, [modules[0].Module(Inside(nested.Key))], [])
                : new LayoutGroup(Inside(nested.Key), 1, [.. modules.Select(n => n.Module(n.Path[(n.Parent.Length + 1)..]))], groupTensors.GetValueOrDefault(nested.Key) ?? []) { IsAttention = model.Outline.Attentions.Contains(nested.Key) }));
        }

        LayoutOrder.Arrange(groups);
        Insert(groups, root, Inside);
        return Folded([.. groups.Select(g => g.Group)]);
    }

    /// <summary>Places without modules of their own to which something was added: behind the attention, or at the end of the layer.</summary>
    private void Insert(List<(string Path, LayoutGroup Group)> groups, string root, Func<string, string> inside)
    {
        foreach (var (path, tensors) in groupTensors)
        {
            if (tensors.Count == 0 || !path.StartsWith(root + ".", StringComparison.Ordinal) || groups.Exists(g => g.Path == path))
                continue;
            var attention = model.Outline.Attentions.FirstOrDefault(a => a.StartsWith(root + ".", StringComparison.Ordinal));
            var behind = model.Outline.Sublayers.Any(s => s.Path == path && s.Kind == SublayerKind.FeedForward)
                ? groups.Count - 1
                : groups.FindLastIndex(g => attention is not null && (g.Path == attention || g.Path.StartsWith(attention + ".", StringComparison.Ordinal)));
            groups.Insert(behind + 1, (path, new LayoutGroup(inside(path), 1, [], tensors)));
        }
    }

    /// <summary>Groups in a row that differ by a number in their names only, as one.</summary>
    private static List<LayoutGroup> Folded(List<LayoutGroup> groups)
    {
        var folded = new List<LayoutGroup>();
        foreach (var group in groups)
        {
            var general = group with { Name = Digits().Replace(group.Name, "*") };
            if (folded.LastOrDefault() is { } last && last.Name.Length > 0 && Digits().Replace(last.Name, "*") == general.Name
                && Signature([last with { Name = "", Repeats = 1 }]) == Signature([general with { Name = "" }]))
                folded[^1] = last with { Name = general.Name, Repeats = last.Repeats + 1 };
            else
                folded.Add(group);
        }

        return folded;
    }

    private static string Signature(IEnumerable<LayoutGroup> groups) => string.Join('|', groups.Select(g =>
        $"{g.Name}*{g.Repeats}({Signature(g.Added)}){string.Join(';', g.Modules.Select(m => $"{m.Name}[{string.Join(',', m.Shape)}]{m.Parameters}/{m.Trained}({Signature(m.Added)})"))}"));

    private static string Signature(IEnumerable<LayoutTensor> tensors) => string.Join(',', tensors.Select(t => $"{t.Name}:{string.Join('x', t.Shape)}"));

    private static string ModuleOf(string parameter) => parameter.LastIndexOf('.') is > 0 and var dot ? parameter[..dot] : parameter;

    private static string WithoutPrefix(string name)
    {
        foreach (var prefix in new[] { TaskHead.TunerPrefix, TaskHead.PromptPrefix })
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                return name[prefix.Length..];
        }

        return name;
    }

    [GeneratedRegex(@"^(?<stack>.*?)\.(?<layer>\d+)\.")]
    private static partial Regex LayerNumber();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();

    private sealed class Node(string path, ModuleKind kind)
    {
        public string Path => path;

        public string Parent { get; } = path.LastIndexOf('.') is > 0 and var dot ? path[..dot] : "";

        public string Stack { get; init; } = "";

        public int Layer { get; init; } = -1;

        public IReadOnlyList<long> Shape { get; set; } = [];

        public long Parameters { get; set; }

        public long Trained { get; set; }

        public List<LayoutTensor> Added { get; } = [];

        public LayoutModule Module(string name) => new(name, kind, Shape, Parameters, Trained, Added);
    }
}
