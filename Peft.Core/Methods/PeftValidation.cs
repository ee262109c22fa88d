namespace Peft.Core.Methods;

/// <summary>Something about one setting that a person should know.</summary>
/// <param name="Field">Hugging Face field name, e.g. <c>r</c>.</param>
/// <param name="Message">What is wrong with which value, and what to do.</param>
public sealed record PeftProblem(string Field, string Message);

/// <summary>Everything that is wrong (the run cannot start) or doubtful (it can) about a config, collected at once.</summary>
public sealed class PeftValidation
{
    private readonly List<PeftProblem> problems = [];
    private readonly List<PeftProblem> warnings = [];

    /// <summary>Settings that cannot work.</summary>
    public IReadOnlyList<PeftProblem> Problems => problems;

    /// <summary>Settings that work but may not be meant.</summary>
    public IReadOnlyList<PeftProblem> Warnings => warnings;

    /// <summary>True when nothing stands in the way.</summary>
    public bool IsValid => problems.Count == 0;

    /// <summary>Notes a problem.</summary>
    public void Error(string field, string message) => problems.Add(new PeftProblem(field, message));

    /// <summary>Notes a doubt.</summary>
    public void Warn(string field, string message) => warnings.Add(new PeftProblem(field, message));

    /// <summary>Raises all problems as one exception.</summary>
    /// <exception cref="PeftException">There is at least one problem.</exception>
    public void ThrowIfInvalid()
    {
        if (!IsValid)
            throw new PeftException(string.Join(Environment.NewLine, problems.Select(p => $"{p.Field}: {p.Message}")));
    }

    /// <summary>Raises all problems of a saved adapter as one exception that names its config file.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="PeftException">There is at least one problem.</exception>
    public void ThrowIfInvalid(string folder)
    {
        if (!IsValid)
            throw new PeftException($"{Path.Combine(folder, PeftConfig.FileName)}: {string.Join(" ", problems.Select(p => $"{p.Field}: {p.Message}"))}");
    }
}
