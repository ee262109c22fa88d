using System.Numerics;
using System.Runtime.InteropServices;

namespace Peft.Core.Data.Cleaning;

/// <summary>
/// Finds texts that are nearly the same: MinHash of character n-grams, banded (LSH), and every candidate checked by the exact share of
/// common n-grams. (Broder 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3)
/// </summary>
public sealed class NearDuplicates
{
    private const int Bands = 32;
    private const int RowsPerBand = 4;
    private const int Hashes = Bands * RowsPerBand;
    private static readonly uint[] s_factors = Numbers(0x5EED, odd: true);
    private static readonly uint[] s_terms = Numbers(0xC0FFEE, odd: false);

    private readonly int shingle;
    private readonly double similarity;
    private readonly List<uint[]> shingles = [];
    private readonly Dictionary<(int Band, ulong Key), List<int>> buckets = [];

    /// <param name="shingle">Length of the n-grams.</param>
    /// <param name="similarity">Least share of common n-grams.</param>
    public NearDuplicates(int shingle, double similarity)
    {
        this.shingle = Math.Max(1, shingle);
        this.similarity = similarity;
    }

    /// <summary>Adds a text and returns the earlier text it is most like, and how much; null when there is none.</summary>
    /// <param name="text">The text, normalised.</param>
    /// <param name="group">Only texts of the same group are compared.</param>
    public (int Index, double Similarity)? Add(string text, int group)
    {
        var own = Shingles(text);
        var index = shingles.Count;
        shingles.Add(own);
        Span<uint> signature = stackalloc uint[Hashes];
        Sign(own, signature);
        var (best, most) = (-1, 0.0);
        HashSet<int>? seen = null;
        for (var band = 0; band < Bands; band++)
        {
            var key = (band, Mix(MemoryMarshal.AsBytes(signature.Slice(band * RowsPerBand, RowsPerBand)), (ulong)(uint)group));
            ref var bucket = ref CollectionsMarshal.GetValueRefOrAddDefault(buckets, key, out var known);
            if (!known)
                bucket = [];
            foreach (var other in bucket!)
            {
                if (!(seen ??= []).Add(other))
                    continue;
                var share = Jaccard(own, shingles[other]);
                if (share >= similarity && share > most)
                    (best, most) = (other, share);
            }

            bucket.Add(index);
        }

        return best < 0 ? null : (best, most);
    }

    private uint[] Shingles(string text)
    {
        var count = Math.Max(1, text.Length - shingle + 1);
        var found = new uint[count];
        for (var i = 0; i < count; i++)
        {
            var hash = 2166136261u;
            foreach (var c in text.AsSpan(i, Math.Min(shingle, text.Length - i)))
                hash = (hash ^ c) * 16777619u;
            found[i] = hash;
        }

        Array.Sort(found);
        var kept = 1;
        for (var i = 1; i < count; i++)
        {
            if (found[i] != found[i - 1])
                found[kept++] = found[i];
        }

        return found[..kept];
    }

    private static void Sign(uint[] shingles, Span<uint> signature)
    {
        signature.Fill(uint.MaxValue);
        var width = Vector<uint>.Count;
        for (var at = 0; at < Hashes; at += width)
        {
            var (factor, term, least) = (new Vector<uint>(s_factors, at), new Vector<uint>(s_terms, at), new Vector<uint>(uint.MaxValue));
            foreach (var one in shingles)
            {
                var mixed = (new Vector<uint>(one) * factor) + term;
                mixed ^= Vector.ShiftRightLogical(mixed, 15);
                mixed *= new Vector<uint>(0x2C1B3C6Du);
                least = Vector.Min(least, mixed ^ Vector.ShiftRightLogical(mixed, 13));
            }

            least.CopyTo(signature[at..]);
        }
    }

    private static double Jaccard(uint[] one, uint[] other)
    {
        var (i, j, common) = (0, 0, 0);
        while (i < one.Length && j < other.Length)
        {
            if (one[i] == other[j])
            {
                common++;
                i++;
                j++;
            }
            else if (one[i] < other[j])
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return common / (double)(one.Length + other.Length - common);
    }

    private static ulong Mix(ReadOnlySpan<byte> bytes, ulong seed)
    {
        var hash = seed * 0x9E3779B97F4A7C15UL;
        foreach (var part in MemoryMarshal.Cast<byte, ulong>(bytes))
            hash = BitOperations.RotateLeft((hash ^ part) * 0xBF58476D1CE4E5B9UL, 31);
        return hash;
    }

    private static uint[] Numbers(ulong seed, bool odd)
    {
        var numbers = new uint[Hashes];
        for (var i = 0; i < Hashes; i++)
        {
            seed += 0x9E3779B97F4A7C15UL;
            var z = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9UL;
            numbers[i] = (uint)(z >> 32) | (odd ? 1u : 0u);
        }

        return numbers;
    }
}
