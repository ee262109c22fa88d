using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Methods.Layout;
using Peft.Core.Models;
using Workbench.Client.Contracts;
using Workbench.Server.Models;
using Workbench.Server.Planning;

namespace Workbench.Server.Methods;

/// <summary>Asks the engine what a method trains on a base, and where.</summary>
public sealed class MethodLayouts(ModelStore models)
{
    /// <summary>The picture; null when there is no such model.</summary>
    /// <exception cref="PeftException">Unknown method, or a model that cannot be read.</exception>
    public async Task<LayoutDto?> OfAsync(string peftType, LayoutRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (await models.FolderAsync(request.ModelId, cancel) is not { } folder)
            return null;
        var model = ModelConfig.Load(folder);
        var draft = new RunDraft { DatasetId = "", ModelId = request.ModelId, PeftType = PeftMethodRegistry.Find(peftType).Name, Peft = request.Peft };
        var resolved = DraftResolver.Resolve(draft, model.MaxPositionEmbeddings, model.Task.Name());
        var problems = resolved.Unknown.Select(name => new DraftProblem(name, "error", "unknown_option", $"{name} is no option of {peftType} and no training argument.")).ToList();
        var peft = Read(resolved, problems);
        if (peft is not null)
        {
            var checks = peft.Validate(model);
            problems.AddRange(checks.Problems.Select(p => new DraftProblem(p.Field, "error", "invalid_" + p.Field, $"{p.Field}: {p.Message}")
            {
                Instead = p.Field == "peft_type" ? MethodSuggestions.For(peftType, model, model.Task.Name()) : [],
            }));
            problems.AddRange(checks.Warnings.Select(p => new DraftProblem(p.Field, "warning", "doubtful_" + p.Field, $"{p.Field}: {p.Message}")));
        }

        var usable = problems.TrueForAll(problem => problem.Severity != "error");
        var layout = MethodLayout.Of(model, usable ? peft : null);
        return new LayoutDto(
            model.ModelType, layout.Count.Line, layout.Count.Trainable, layout.Count.All, Tensors(layout.Input), Tensors(layout.Attention), [.. layout.Parts.Select(Part)], problems);
    }

    private static PeftConfig? Read(ResolvedDraft resolved, List<DraftProblem> problems)
    {
        try
        {
            return PeftConfig.FromJson(resolved.Peft);
        }
        catch (PeftException refusal)
        {
            problems.Add(new DraftProblem("peft_type", "error", "unreadable", refusal.Message));
            return null;
        }
    }

    private static LayoutPartDto Part(LayoutPart part) => new(part.Path, part.First, part.Count, [.. part.Groups.Select(group => new LayoutGroupDto(
        group.Name,
        group.Repeats,
        [.. group.Modules.Select(m => new LayoutModuleDto(m.Name, m.Kind.ToString(), m.Shape, m.Parameters, m.Trained, Tensors(m.Added)))],
        Tensors(group.Added),
        group.IsAttention))]);

    private static IReadOnlyList<LayoutTensorDto> Tensors(IReadOnlyList<LayoutTensor> tensors) => [.. tensors.Select(t => new LayoutTensorDto(t.Name, t.Shape, t.Count))];
}
