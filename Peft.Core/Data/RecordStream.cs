using System.Collections;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Data;

/// <summary>
/// The records of a file with one JSON object a line, read when they are asked for. A row that cannot be used is an error when it is read;
/// it is named by file, line and field.
/// </summary>
public sealed class RecordStream : IReadOnlyList<IDataRecord>, IDisposable
{
    private readonly LineIndex index;
    private readonly DatasetKind kind;

    /// <summary>A stream over lines whose places are known.</summary>
    /// <param name="index">The places; disposed with the stream.</param>
    /// <param name="kind">Kind of the records.</param>
    public RecordStream(LineIndex index, DatasetKind kind)
    {
        ArgumentNullException.ThrowIfNull(index);
        this.index = index;
        this.kind = kind;
    }

    /// <inheritdoc />
    public int Count => index.Count;

    /// <summary>What <see cref="Check"/> found; every later read fails with it.</summary>
    internal PeftException? Problem { get; set; }

    /// <summary>SHA-256 of the file's bytes.</summary>
    public string Hash => index.Hash;

    /// <inheritdoc />
    /// <exception cref="PeftException">The row cannot be used.</exception>
    public IDataRecord this[int number]
    {
        get
        {
            if (Problem is { } problem)
                throw new PeftException(problem.Message, problem);
            var (utf8, line) = index.Read(number);
            return TaskRecords.Row(utf8, index.Path, line, kind);
        }
    }

    /// <summary>Reads every row once, in order, so that what cannot be used is known early.</summary>
    /// <exception cref="PeftException">Rows cannot be used; the first ten are named.</exception>
    public void Check(CancellationToken cancellation = default)
    {
        var problems = new List<string>();
        DataLines.ForEach(
            index.Path,
            (utf8, line) =>
            {
                try
                {
                    TaskRecords.Row(utf8, index.Path, line, kind);
                }
                catch (PeftException e)
                {
                    problems.Add(e.Message);
                }

                return problems.Count < 10;
            },
            cancellation);
        if (problems.Count > 0)
            throw new PeftException(string.Join(Environment.NewLine, problems));
    }

    /// <inheritdoc />
    public IEnumerator<IDataRecord> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    /// <inheritdoc />
    public void Dispose() => index.Dispose();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
