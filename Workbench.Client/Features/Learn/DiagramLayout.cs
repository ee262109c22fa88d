using System.Globalization;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Learn;

/// <summary>What a box of the picture stands for; also the end of its CSS class.</summary>
public enum DiagramKind
{
    /// <summary>Encloses layers that are alike.</summary>
    Frame,

    /// <summary>Encloses modules that belong together.</summary>
    Group,

    /// <summary>A frozen module.</summary>
    Frozen,

    /// <summary>The part of a module's width that trains.</summary>
    Trained,

    /// <summary>Something that was added and trains.</summary>
    Added,
}

public sealed record DiagramBox(double X, double Y, double Width, double Height, DiagramKind Kind);

/// <summary>A text; <c>End</c> stands with its end at X.</summary>
public sealed record DiagramLabel(double X, double Y, string Text, string Class, bool End = false);

public sealed record DiagramLine(double X1, double Y1, double X2, double Y2, bool Arrow);

/// <summary>
/// Places a base and what a method adds to it on a picture of a given width, from the input at the top to the output at the bottom. Where there is
/// room what is added stands beside its module, otherwise below it.
/// </summary>
public sealed class DiagramLayout
{
    private const double Row = 28;
    private const double Gap = 6;
    private const double Pad = 10;
    private const double Line = 17;
    private const double SideFrom = 560;

    private readonly List<DiagramBox> _boxes = [];
    private readonly List<DiagramLabel> _labels = [];
    private readonly List<DiagramLine> _lines = [];
    private readonly Func<string, object[], string> _text;
    private readonly double _base;
    private readonly double _side;
    private readonly bool _beside;
    private double _y;

    /// <param name="layout">What the engine says.</param>
    /// <param name="width">Units of the picture's width.</param>
    /// <param name="text">Localized texts by key.</param>
    public DiagramLayout(LayoutDto layout, double width, Func<string, object[], string> text)
    {
        ArgumentNullException.ThrowIfNull(layout);
        (_text, Width, _beside) = (text, width, width >= SideFrom);
        _base = _beside ? width * 0.54 : width - 1;
        _side = _base + 28;
        Input(layout.Input);
        foreach (var part in layout.Parts)
        {
            Arrow();
            if (part.First < 0)
                Outside(part);
            else
                Layers(part, layout.Attention);
        }

        Height = _y + 2;
    }

    public double Width { get; }

    public double Height { get; }

    public IReadOnlyList<DiagramBox> Boxes => _boxes;

    public IReadOnlyList<DiagramLabel> Labels => _labels;

    public IReadOnlyList<DiagramLine> Lines => _lines;

    /// <summary>Sizes as the field writes them: 8 × 256.</summary>
    public static string Shape(IReadOnlyList<long> shape) => string.Join(" × ", shape.Select(size => size.ToString(CultureInfo.InvariantCulture)));

    private static string Count(long count) => count.ToString("#,0", CultureInfo.CurrentCulture);

    /// <summary>Names without what says nothing to a reader.</summary>
    private static string Short(string name)
    {
        var parts = name.Split('.').Where(part => part is not ("weight" or "default" or "adapters")).ToArray();
        return parts.Length == 0 ? name : string.Join('.', parts[^Math.Min(parts[^1] == "bias" ? 3 : 2, parts.Length)..]);
    }

    private void Input(IReadOnlyList<LayoutTensorDto> added)
    {
        _labels.Add(new(1 + Pad, 16, _text("diagramText", []), "wb-d-sub"));
        var top = _y;
        _y = 22;
        if (added.Count > 0)
            Added(added, top + 2, _base, 1);
    }

    private void Arrow()
    {
        _lines.Add(new(_base / 2, _y + 1, _base / 2, _y + 13, Arrow: true));
        _y += 16;
    }

    private void Outside(LayoutPartDto part)
    {
        for (var i = 0; i < part.Groups.Count; i++)
        {
            if (i > 0)
                _y += Gap;
            foreach (var module in part.Groups[i].Modules)
                Module(module, 1, _base - 1);
        }
    }

    private void Layers(LayoutPartDto part, IReadOnlyList<LayoutTensorDto> attention)
    {
        var top = _y;
        var frame = _boxes.Count;
        var last = part.First + part.Count - 1;
        _labels.Add(new(1 + Pad, _y + 19, part.Path, "wb-d-name"));
        _labels.Add(new(_base - Pad, _y + 19, part.Count == 1 ? _text("diagramLayer", [part.First]) : _text("diagramLayers", [part.First, last, part.Count]), "wb-d-sub", End: true));
        _y += 28;
        foreach (var group in part.Groups)
        {
            Group(group, group.IsAttention ? attention : []);
            _y += Gap;
        }

        _y += Pad - Gap;
        _boxes.Insert(frame, new(1, top, _base - 1, _y - top, DiagramKind.Frame));
    }

    private void Group(LayoutGroupDto group, IReadOnlyList<LayoutTensorDto> seen)
    {
        var (left, right) = (1 + Pad, _base - Pad);
        if (group.Name.Length == 0)
        {
            foreach (var module in group.Modules)
                Module(module, left, right);
            return;
        }

        var top = _y;
        var frame = _boxes.Count;
        if (group.Modules.Count > 0)
        {
            _labels.Add(new(left + Pad, _y + 17, group.Repeats > 1 ? $"{group.Name} × {group.Repeats}" : group.Name, "wb-d-sub"));
            _y += 24;
        }

        if (seen.Count > 0)
            Added(seen, _y - (_beside ? 22 : 0), right, left + Pad);
        foreach (var module in group.Modules)
        {
            Module(module, left + Pad, right - Pad);
            _y += 4;
        }

        if (group.Added.Count > 0)
        {
            if (group.Modules.Count == 0)
                _labels.Add(new(left + Pad, _y + 19, group.Name, "wb-d-sub"));
            var at = _y;
            _y += group.Modules.Count == 0 && _beside ? Row : 0;
            Added(group.Added, at + (group.Modules.Count == 0 && !_beside ? 26 : 0), right, left + Pad);
        }

        _y += group.Modules.Count > 0 ? Pad - 4 : _beside ? 0 : Pad - 4;
        _boxes.Insert(frame, new(left, top, right - left, _y - top, DiagramKind.Group));
    }

    private void Module(LayoutModuleDto module, double left, double right)
    {
        var top = _y;
        var width = right - left;
        _boxes.Add(new(left, top, width, Row, DiagramKind.Frozen));
        if (module.Trained > 0)
            _boxes.Add(new(left, top, Math.Max(6, width * module.Trained / Math.Max(1, module.Parameters)), Row, DiagramKind.Trained));
        _labels.Add(new(left + 8, top + 18, module.Name, "wb-d-name"));
        var note = module.Parameters == 0 ? _text("diagramTied", [])
            : module.Trained > 0 ? _text("diagramTrained", [Count(module.Trained)])
            : Shape(module.Shape);
        _labels.Add(new(right - 8, top + 18, note, module.Trained > 0 ? "wb-d-strong" : "wb-d-sub", End: true));
        _y += Row;
        if (module.Added.Count > 0)
            Added(module.Added, top, right, left);
    }

    /// <summary>What is added, beside <paramref name="anchor"/> or below what was drawn last.</summary>
    private void Added(IReadOnlyList<LayoutTensorDto> tensors, double top, double anchor, double left)
    {
        var at = _beside ? top : Math.Max(_y + 4, top);
        var (x, right) = _beside ? (_side, Width - 1) : (left + 14, anchor - 8);
        var height = Math.Max(Row, (tensors.Count * Line) + 10);
        _boxes.Add(new(x, at, right - x, height, DiagramKind.Added));
        for (var i = 0; i < tensors.Count; i++)
        {
            var y = at + (height / 2) + ((i - ((tensors.Count - 1) / 2.0)) * Line) + 4;
            _labels.Add(new(x + 8, y, $"+ {Short(tensors[i].Name)}  {Shape(tensors[i].Shape)}", "wb-d-added"));
            _labels.Add(new(right - 8, y, Count(tensors[i].Count), "wb-d-strong", End: true));
        }

        _lines.Add(_beside ? new(anchor, at + (Row / 2), x, at + (Row / 2), Arrow: false) : new(left + 7, at - 4, left + 7, at + (Row / 2), Arrow: false));
        if (!_beside)
            _lines.Add(new(left + 7, at + (Row / 2), x, at + (Row / 2), Arrow: false));
        _y = Math.Max(_y, at + height + (_beside ? 0 : 4));
    }
}
