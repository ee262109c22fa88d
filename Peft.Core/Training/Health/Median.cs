namespace Peft.Core.Training.Health;

/// <summary>Median of the newest values: one outlier does not move it.</summary>
internal sealed class Median(int capacity)
{
    private readonly Queue<double> values = new(capacity);

    public int Count => values.Count;

    public double Value
    {
        get
        {
            var sorted = values.Order().ToArray();
            return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2];
        }
    }

    public void Add(double value)
    {
        if (values.Count == capacity)
            values.Dequeue();
        values.Enqueue(value);
    }
}
