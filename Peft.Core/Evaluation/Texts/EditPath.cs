namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// The cheapest way from one list of words to another, looked for near the diagonal. Of equally cheap steps replacing comes first, then
/// dropping a word, then adding one.
/// </summary>
/// <param name="Distance">Words added, dropped and replaced.</param>
/// <param name="Aligned">For every word of the reference the word it stands for, or the one before it.</param>
/// <param name="ReferenceWrong">Which words of the reference have no equal.</param>
/// <param name="WordWrong">Which words have no equal.</param>
internal sealed record EditPath(int Distance, int[] Aligned, bool[] ReferenceWrong, bool[] WordWrong)
{
    private const int Beam = 25;
    private const int Unreached = int.MaxValue / 2;

    private enum Step : byte
    {
        None,
        Same,
        Replace,
        Drop,
        Add,
    }

    /// <summary>Compares words with a reference.</summary>
    public static EditPath Of(string[] words, string[] reference)
    {
        var (rows, columns) = (words.Length + 1, reference.Length + 1);
        var (costs, steps) = (new int[rows, columns], new Step[rows, columns]);
        for (var j = 0; j < columns; j++)
            (costs[0, j], steps[0, j]) = (j, Step.Add);
        var ratio = words.Length > 0 ? (double)reference.Length / words.Length : 1;
        var width = Beam < ratio / 2 ? (int)Math.Ceiling((ratio / 2) + Beam) : Beam;
        for (var i = 1; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
                costs[i, j] = Unreached;
            var diagonal = (int)Math.Floor(i * ratio);
            var last = i == words.Length ? columns : Math.Min(columns, diagonal + width);
            for (var j = Math.Max(0, diagonal - width); j < last; j++)
            {
                if (j > 0)
                {
                    var same = words[i - 1] == reference[j - 1];
                    Offer(i, j, costs[i - 1, j - 1] + (same ? 0 : 1), same ? Step.Same : Step.Replace);
                }

                Offer(i, j, costs[i - 1, j] + 1, Step.Drop);
                if (j > 0)
                    Offer(i, j, costs[i, j - 1] + 1, Step.Add);
            }
        }

        return Read(words.Length, reference.Length, costs, steps);

        void Offer(int i, int j, int cost, Step step)
        {
            if (cost < costs[i, j])
                (costs[i, j], steps[i, j]) = (cost, step);
        }
    }

    private static EditPath Read(int words, int reference, int[,] costs, Step[,] steps)
    {
        var path = new EditPath(costs[words, reference], new int[reference], new bool[reference], new bool[words]);
        var (i, j) = (words, reference);
        while (i > 0 || j > 0)
        {
            switch (steps[i, j])
            {
                case Step.Drop:
                    path.WordWrong[--i] = true;
                    break;
                case Step.Add:
                    path.ReferenceWrong[--j] = true;
                    path.Aligned[j] = i - 1;
                    break;
                case var step:
                    (i, j) = (i - 1, j - 1);
                    path.WordWrong[i] = path.ReferenceWrong[j] = step == Step.Replace;
                    path.Aligned[j] = i;
                    break;
            }
        }

        return path;
    }
}
