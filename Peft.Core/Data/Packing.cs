namespace Peft.Core.Data;

/// <summary>
/// Which texts share a row of limited length. All keep texts whole; a text that is longer than the row has one of its own.
/// </summary>
public static class Packing
{
    /// <summary>One open row, closed when the next text does not fit.</summary>
    public static IReadOnlyList<int[]> NextFit(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        var (rows, open, used) = (new List<int[]>(), new List<int>(), 0);
        for (var i = 0; i < lengths.Count; i++)
        {
            if (open.Count > 0 && used + lengths[i] > capacity)
            {
                rows.Add([.. open]);
                open.Clear();
                used = 0;
            }

            open.Add(i);
            used += lengths[i];
        }

        if (open.Count > 0)
            rows.Add([.. open]);
        return rows;
    }

    /// <summary>The first row with room, in the given order.</summary>
    public static IReadOnlyList<int[]> FirstFit(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        return Place(lengths, capacity, Enumerable.Range(0, lengths.Count));
    }

    /// <summary>The longest text first, each into the first row with room.</summary>
    public static IReadOnlyList<int[]> FirstFitDecreasing(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        return Place(lengths, capacity, LongestFirst(lengths));
    }

    /// <summary>The longest text first, each into the row that it fills best; of equally good ones the first.</summary>
    public static IReadOnlyList<int[]> BestFitDecreasing(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        var rows = new List<List<int>>();

        // Rows by the room that is left: the least room that suffices is found without looking at every row.
        var byRoom = new SortedSet<(int Room, int Row)>();
        foreach (var i in LongestFirst(lengths))
        {
            var found = byRoom.GetViewBetween((lengths[i], 0), (Math.Max(capacity, lengths[i]), int.MaxValue));
            if (found.Count == 0)
            {
                byRoom.Add((capacity - lengths[i], rows.Count));
                rows.Add([i]);
                continue;
            }

            var (room, row) = found.Min;
            byRoom.Remove((room, row));
            byRoom.Add((room - lengths[i], row));
            rows[row].Add(i);
        }

        return [.. rows.Select(row => row.ToArray())];
    }

    /// <summary>Row by row the longest text that still fits, until none does. Source: LLaMA-Factory's <c>greedy_knapsack</c>.</summary>
    public static IReadOnlyList<int[]> Knapsack(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        var left = Enumerable.Range(0, lengths.Count).OrderBy(i => lengths[i]).ToList();
        var rows = new List<int[]>();
        while (left.Count > 0)
        {
            var (row, room) = (new List<int>(), capacity);
            while (left.FindLastIndex(i => lengths[i] <= room) is >= 0 and var at)
            {
                row.Add(left[at]);
                room -= lengths[left[at]];
                left.RemoveAt(at);
            }

            if (row.Count == 0)
            {
                row.Add(left[^1]);
                left.RemoveAt(left.Count - 1);
            }

            rows.Add([.. row]);
        }

        return rows;
    }

    /// <summary>Texts joined and cut into blocks of one length; what is left at the end is dropped. Source: transformers' run_clm.</summary>
    /// <param name="texts">Ids of the texts.</param>
    /// <param name="blockSize">Length of a block.</param>
    /// <returns>The blocks, and how many ids were dropped.</returns>
    public static (IReadOnlyList<int[]> Blocks, int Dropped) Blocks(IEnumerable<int[]> texts, int blockSize)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var all = texts.SelectMany(text => text).ToArray();
        var whole = all.Length / blockSize;
        return ([.. Enumerable.Range(0, whole).Select(i => all[(i * blockSize)..((i + 1) * blockSize)])], all.Length - (whole * blockSize));
    }

    private static IEnumerable<int> LongestFirst(IReadOnlyList<int> lengths) => Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i]);

    private static IReadOnlyList<int[]> Place(IReadOnlyList<int> lengths, int capacity, IEnumerable<int> order)
    {
        var (rows, rooms) = (new List<List<int>>(), new List<int>());
        foreach (var i in order)
        {
            var row = rooms.FindIndex(room => room >= lengths[i]);
            if (row < 0)
            {
                row = rows.Count;
                rows.Add([]);
                rooms.Add(capacity);
            }

            rows[row].Add(i);
            rooms[row] -= lengths[i];
        }

        return [.. rows.Select(row => row.ToArray())];
    }
}
