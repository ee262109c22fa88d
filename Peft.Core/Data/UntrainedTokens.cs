using System.Numerics;
using System.Runtime.InteropServices;
using Peft.Core.Models;
using Peft.Core.Serialization;
using TorchSharp;

namespace Peft.Core.Data;

/// <summary>A token that the base seems never to have learnt.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Alike">Other tokens that were looked at and stand in nearly the same direction.</param>
public sealed record UntrainedToken(int Id, int Alike);

/// <summary>
/// Finds tokens that a base never learnt to write. Training moves the rows of tokens that never occur away from everything that does, all in
/// one direction, so their rows end up nearly alike; rows of tokens that occur do not. Needs no tensors. Source of the idea: Land and Bartolo
/// 2024, Fishing for Magikarp.
/// </summary>
public static class UntrainedTokens
{
    /// <summary>Cosine from which two rows are nearly alike. Rows of learnt tokens stay far below.</summary>
    public const float NearlyAlike = 0.9f;

    private const int FewestAlike = 4;
    private const int SampleRows = 1500;

    /// <summary>Looks at tokens.</summary>
    /// <param name="folder">Folder of the base.</param>
    /// <param name="config">Its config.</param>
    /// <param name="tokens">The tokens that are needed.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>Those that seem never learnt, most alike first; null when the base's weights are not in safetensors files.</returns>
    /// <exception cref="PeftException">A damaged file.</exception>
    public static IReadOnlyList<UntrainedToken>? Find(string folder, ModelConfig config, IReadOnlyCollection<int> tokens, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokens);
        if (WeightRows.Open(folder, OutputMatrix(config)) is not { } rows)
            return null;
        using (rows)
        {
            var needed = tokens.Where(token => token >= 0 && token < rows.Count).Distinct().ToArray();
            var every = Math.Max(1, rows.Count / SampleRows);
            var compared = Enumerable.Range(0, rows.Count).Where(i => i % every == 0).Union(needed).ToArray();
            var directions = compared.Select(i => (Id: i, Row: Unit(rows.Read(i)))).ToDictionary(pair => pair.Id, pair => pair.Row);
            var found = new UntrainedToken[needed.Length];
            Parallel.For(0, needed.Length, new ParallelOptions { CancellationToken = cancellation }, n =>
            {
                var own = directions[needed[n]];
                found[n] = new UntrainedToken(needed[n], own is null
                    ? compared.Length - 1 // a row of zeros says nothing at all
                    : compared.Count(other => other != needed[n] && directions[other] is { } row && Dot(own, row) >= NearlyAlike));
            });
            return [.. found.Where(token => token.Alike >= FewestAlike).OrderByDescending(token => token.Alike)];
        }
    }

    /// <summary>The matrix that scores of tokens come from: the head, or the embedding where both are one.</summary>
    private static string OutputMatrix(ModelConfig config) => (config.TieWordEmbeddings || config.HeadPath is null ? config.EmbeddingPath : config.HeadPath) + ".weight";

    private static float[]? Unit(float[] row)
    {
        var norm = MathF.Sqrt(Dot(row, row));
        return norm < 1e-12f || !float.IsFinite(norm) ? null : [.. row.Select(value => value / norm)];
    }

    private static float Dot(float[] left, float[] right)
    {
        ReadOnlySpan<Vector<float>> a = MemoryMarshal.Cast<float, Vector<float>>(left);
        ReadOnlySpan<Vector<float>> b = MemoryMarshal.Cast<float, Vector<float>>(right);
        var sums = Vector<float>.Zero;
        for (var i = 0; i < a.Length; i++)
            sums += a[i] * b[i];
        var sum = Vector.Sum(sums);
        for (var i = a.Length * Vector<float>.Count; i < left.Length; i++)
            sum += left[i] * right[i];
        return sum;
    }
}

/// <summary>Rows of one matrix in a checkpoint, read one by one without tensors.</summary>
internal sealed class WeightRows : IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle handle;
    private readonly torch.ScalarType dtype;
    private readonly long begin;
    private readonly int width;
    private readonly int size;

    private WeightRows(string path, SafetensorsHeader header, SafetensorsEntry entry)
    {
        handle = File.OpenHandle(path);
        dtype = entry.DType;
        begin = header.DataOffset + entry.Begin;
        (Count, width) = ((int)entry.Shape[0], (int)entry.Shape[1]);
        size = dtype == torch.ScalarType.Float32 ? 4 : 2;
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Finds a matrix in the safetensors files of a folder; null when none of them has it in a type that is read here.</summary>
    /// <param name="folder">Folder of the base.</param>
    /// <param name="name">Name of the matrix; files that leave out what stands in front of it are understood.</param>
    public static WeightRows? Open(string folder, string name)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            var header = SafetensorsHeader.Read(path);
            var entry = header.Entries.GetValueOrDefault(name)
                ?? header.Entries.Values.FirstOrDefault(one => name.EndsWith("." + one.Name, StringComparison.Ordinal) || one.Name.EndsWith("." + name, StringComparison.Ordinal));
            if (entry is { Shape.Count: 2 } && entry.DType is torch.ScalarType.Float32 or torch.ScalarType.BFloat16 or torch.ScalarType.Float16)
                return new WeightRows(path, header, entry);
        }

        return null;
    }

    /// <summary>A row in fp32.</summary>
    public float[] Read(int row)
    {
        var bytes = new byte[width * size];
        RandomAccess.Read(handle, bytes, begin + ((long)row * bytes.Length));
        var values = new float[width];
        for (var i = 0; i < width; i++)
        {
            values[i] = dtype switch
            {
                torch.ScalarType.Float32 => BitConverter.ToSingle(bytes, i * 4),
                torch.ScalarType.BFloat16 => BitConverter.Int32BitsToSingle(BitConverter.ToUInt16(bytes, i * 2) << 16),
                _ => (float)BitConverter.ToHalf(bytes, i * 2),
            };
        }

        return values;
    }

    public void Dispose() => handle.Dispose();
}
