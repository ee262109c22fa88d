using System.Text;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Playground;

/// <summary>An answer while it is being written, and what became of it.</summary>
public sealed class Answer
{
    private readonly StringBuilder _text = new();

    public string Text => _text.ToString();

    public bool Running { get; private set; } = true;

    public bool Cancelled { get; private set; }

    public int Tokens { get; private set; }

    public double Seconds { get; private set; }

    public string? Error { get; private set; }

    public IReadOnlyList<TripleDto>? Triples { get; private set; }

    public void Take(GenerateChunk chunk)
    {
        _text.Append(chunk.Text);
        Tokens = chunk.Tokens;
        Seconds = chunk.Seconds;
        Error = chunk.Error ?? Error;
        if (!chunk.Done)
            return;
        Running = false;
        Triples = chunk.Triples;
    }

    /// <summary>The stream ended without its last piece: by the person, or by an error.</summary>
    public void End(bool cancelled, string? error)
    {
        if (!Running)
            return;
        Running = false;
        Cancelled = cancelled;
        Error = error ?? Error;
    }
}
