using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>
/// The head that a task trains in full beside any method, as PEFT does: it appends names to <c>modules_to_save</c>, and every module whose
/// path ends in one of them (without regard to dots) trains and is saved with the adapter.
/// </summary>
internal static class TaskHead
{
    /// <summary>In front of module paths in memory and in files, for methods that wrap layers.</summary>
    public const string TunerPrefix = "base_model.model.";

    /// <summary>The same for methods that put something in front of the text.</summary>
    public const string PromptPrefix = "base_model.";

    /// <summary>The names that a task appends; empty for language models and hidden states.</summary>
    public static IReadOnlyList<string> Names(string? taskType) => taskType switch
    {
        "SEQ_CLS" or "TOKEN_CLS" => ["classifier", "score"],
        "QUESTION_ANS" => ["qa_outputs"],
        _ => [],
    };

    /// <summary>The user's names and the task's, as they are saved; null when there are none.</summary>
    public static IReadOnlyList<string>? Saved(IReadOnlyList<string>? own, string? taskType)
    {
        var names = (own ?? []).Union(Names(taskType)).ToList();
        return names.Count > 0 ? names : own;
    }

    /// <summary>Paths of the outermost modules that some names mean, in module order.</summary>
    public static IReadOnlyList<string> Modules(ModelConfig model, IReadOnlyList<string> names)
    {
        var modules = new List<string>();
        if (names.Count == 0)
            return modules;
        foreach (var path in ModulePaths(model))
        {
            // What lies under a saved module is saved with it.
            if (names.Any(n => path.EndsWith(n, StringComparison.Ordinal)) && !modules.Any(m => path.StartsWith(m + ".", StringComparison.Ordinal)))
                modules.Add(path);
        }

        return modules;
    }

    /// <summary>Base parameters of modules that train in full: checkpoint name (the embedding's for a tied head), name in memory.</summary>
    public static IEnumerable<(string Parameter, string Name)> Parameters(ModelConfig model, IReadOnlyList<string> modules, string prefix)
    {
        foreach (var path in modules)
        {
            if (path == model.HeadPath && model.HeadIsTied)
                yield return (model.EmbeddingPath + ".weight", $"{prefix}{path}.weight");
            foreach (var shape in model.Parameters().Where(p => p.Name.StartsWith(path + ".", StringComparison.Ordinal)))
                yield return (shape.Name, prefix + shape.Name);
        }
    }

    /// <summary>The task's head as trained shapes, for a method without <c>modules_to_save</c> of its own. PEFT keeps a frozen copy, so it counts twice in all parameters.</summary>
    public static IEnumerable<TrainableShape> Shapes(ModelConfig model, string? taskType, string prefix) =>
        Parameters(model, Modules(model, Names(taskType)), prefix).Select(p => new TrainableShape(p.Name, ShapeOf(model, p.Parameter), InBase: false) { Replaces = true });

    /// <summary>Trains the task's head, for a method without <c>modules_to_save</c> of its own.</summary>
    public static TrainedBaseParameters Train(BaseModel model, string? taskType, string prefix, bool train)
    {
        var head = new TrainedBaseParameters();
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (parameter, name) in Parameters(model.Config, Modules(model.Config, Names(taskType)), prefix))
            head.Add(name, parameters[parameter], train);
        return head;
    }

    /// <summary>Sizes of a parameter.</summary>
    public static IReadOnlyList<long> ShapeOf(ModelConfig model, string parameter) => model.Parameters().First(p => p.Name == parameter).Shape;

    private static List<string> ModulePaths(ModelConfig model)
    {
        var paths = new List<string>();
        var names = model.Parameters().Select(p => p.Name);
        if (model.HeadIsTied)
            names = names.Append(model.HeadPath + ".weight");
        foreach (var name in names)
        {
            for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = name.IndexOf('.', dot + 1))
            {
                if (!paths.Contains(name[..dot]))
                    paths.Add(name[..dot]);
            }
        }

        return paths;
    }
}
