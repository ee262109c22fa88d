using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>What a template may use up. Templates come with models from anywhere, so every one is bounded.</summary>
/// <param name="Steps">Evaluated nodes.</param>
/// <param name="Characters">Longest text, output included; also the longest list.</param>
/// <param name="Time">Time.</param>
internal sealed record JinjaLimits(long Steps, int Characters, TimeSpan Time)
{
    public static JinjaLimits Default { get; } = new(5_000_000, 8_000_000, TimeSpan.FromSeconds(1.5));
}

/// <summary>One rendering: output so far, the spans of generation blocks, and what is left of the limits.</summary>
internal sealed class JinjaRun(JinjaLimits limits, TimeProvider clock)
{
    private readonly long started = Stopwatch.GetTimestamp();
    private long steps;
    private long made;

    public StringBuilder Root { get; } = new();

    public List<(int Start, int End)> Generations { get; } = [];

    /// <summary>Whether anything was written to the output yet, be it empty.</summary>
    public bool HasWritten { get; private set; }

    public TimeProvider Clock { get; } = clock;

    /// <summary>Counts a step.</summary>
    public void Step()
    {
        if (++steps > limits.Steps)
            throw new JinjaException("LimitError", $"The chat template was stopped after {limits.Steps} steps; it may never end.");
        if (steps % 256 == 0)
            Hurry();
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new JinjaException("LimitError", "The chat template was stopped: its macros call one another without end.");
    }

    /// <summary>Refuses to make a text or list that is too long, before it is made.</summary>
    public void Room(long length)
    {
        made += length;
        if (length > 1000)
            Hurry();
        if (length > limits.Characters)
            throw new JinjaException("LimitError", $"The chat template was stopped: it makes a text or list longer than {limits.Characters}.");
        if (made > limits.Characters * 32L)
            throw new JinjaException("LimitError", $"The chat template was stopped: it makes more than {limits.Characters * 32L} characters in all.");
    }

    private void Hurry()
    {
        if (Stopwatch.GetElapsedTime(started) > limits.Time)
            throw new JinjaException("LimitError", $"The chat template was stopped after {limits.Time.TotalSeconds:0.#} s; it may never end.");
    }

    /// <summary>Writes to an output.</summary>
    public void Write(StringBuilder output, string text)
    {
        if (output.Length + (long)text.Length > limits.Characters)
            throw new JinjaException("LimitError", $"The chat template was stopped: its output is longer than {limits.Characters} characters.");
        output.Append(text);
        HasWritten |= ReferenceEquals(output, Root);
    }
}

/// <summary>Names and what they stand for; an inner scope sees the outer ones, what is set inside stays inside.</summary>
internal sealed class JinjaScope(JinjaScope? outer)
{
    private readonly Dictionary<string, object?> names = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => names[name] = value;

    public bool TryGet(string name, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.names.TryGetValue(name, out value))
                return true;
        }

        value = null;
        return false;
    }

    private JinjaScope? Outer { get; } = outer;
}
