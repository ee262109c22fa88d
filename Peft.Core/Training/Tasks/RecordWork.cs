namespace Peft.Core.Training.Tasks;

/// <summary>Work on many records at once.</summary>
internal static class RecordWork
{
    /// <summary>Calls <paramref name="make"/> for every number in parallel; the results are in order.</summary>
    /// <exception cref="PeftException">The first failure, by number.</exception>
    public static T[] Each<T>(int count, Func<int, T> make)
    {
        var results = new T[count];
        var failures = new PeftException?[count];
        Parallel.For(0, count, i =>
        {
            try
            {
                results[i] = make(i);
            }
            catch (PeftException e)
            {
                failures[i] = e;
            }
        });
        return Array.Find(failures, failure => failure is not null) is { } first ? throw first : results;
    }
}
