using System.Security.Cryptography;
using System.Text;
using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Training;

/// <summary>The data of a run: training examples in memory, or read from disk while training, and the records that are measured.</summary>
internal sealed class RunData : IDisposable
{
    /// <summary>Training files from this size on are read while training, unless the order says otherwise.</summary>
    public const long LargeFile = 16L << 20;

    private readonly List<RecordStream> streams = [];
    private readonly CancellationTokenSource checking = new();
    private readonly List<Thread> checks = [];

    private RunData()
    {
    }

    /// <summary>The training split; null when nothing is trained.</summary>
    public TaskSplit? Train { get; private set; }

    /// <summary>The dev records that are measured while training.</summary>
    public IReadOnlyList<IDataRecord> DevRecords { get; private set; } = [];

    /// <summary>The same as ids; null when there are none.</summary>
    public TaskSplit? Dev { get; private set; }

    /// <summary>The records that are scored at the end.</summary>
    public IReadOnlyList<IDataRecord> TestRecords { get; private set; } = [];

    /// <summary>Hash of the training data.</summary>
    public string Hash { get; private set; } = "";

    /// <summary>Reads everything that an order names.</summary>
    /// <param name="dataset">The main dataset's place, for messages.</param>
    /// <param name="snapshot">The main dataset.</param>
    /// <param name="task">What is learnt.</param>
    /// <param name="request">The order.</param>
    /// <param name="paths">The run directory, against which other datasets are resolved.</param>
    /// <param name="progress">Told how much of large files has been looked through, in percent.</param>
    /// <exception cref="PeftException">Missing or unusable data.</exception>
    public static RunData Read(string dataset, DatasetSnapshot snapshot, TrainingTask task, RunRequest request, RunPaths paths, Action<int, int>? progress)
    {
        var data = new RunData();
        try
        {
            data.Load(dataset, snapshot, task, request, paths, progress);
            return data;
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        checking.Cancel();
        foreach (var thread in checks)
            thread.Join();
        foreach (var stream in streams)
            stream.Dispose();
        checking.Dispose();
    }

    private void Load(string dataset, DatasetSnapshot snapshot, TrainingTask task, RunRequest request, RunPaths paths, Action<int, int>? progress)
    {
        var arguments = task.Setting.Arguments;
        if (RunSetup.Trains(request))
            (Train, Hash) = Training(dataset, snapshot, task, request, paths, progress);
        DevRecords = First(task, snapshot, "dev", arguments.MaxEvalSamples > 0 ? arguments.MaxEvalSamples : null);
        TestRecords = request.Evaluation.MaxRecords == 0 ? [] : First(task, snapshot, request.Evaluation.Split, request.Evaluation.MaxRecords);
        var dev = DevRecords.Count > 0 ? task.Encode(DevRecords, "dev") : null;
        Dev = dev is { Count: > 0 } ? dev : null;
    }

    private static IReadOnlyList<IDataRecord> First(TrainingTask task, DatasetSnapshot snapshot, string split, int? most) =>
        most is { } count && task.CanStream(snapshot.Kind) ? snapshot.ReadFirst(split, count)
        : most is { } some ? [.. task.Read(snapshot, split).Take(some)]
        : task.Read(snapshot, split);

    private (TaskSplit Train, string Hash) Training(string dataset, DatasetSnapshot snapshot, TrainingTask task, RunRequest request, RunPaths paths, Action<int, int>? progress)
    {
        var arguments = task.Setting.Arguments;
        var mixed = request.Mix ?? [];
        var sources = mixed.Select(other => RunDirectory.Resolve(paths, other.Dataset)).Select(folder => (Place: folder, Snapshot: DatasetSnapshot.Open(folder))).Prepend((Place: dataset, Snapshot: snapshot)).ToArray();
        foreach (var (place, other) in sources.Where(source => !TrainingTasks.KindsFor(task.Kind).Contains(source.Snapshot.Kind)))
            throw new PeftException($"{place}: data of kind {other.Kind.Name()} does not serve {task.Kind.Name()}.");
        var read = sources.Select(source => (source.Place, source.Snapshot, Records: Records(source.Snapshot, task, progress))).ToArray();
        foreach (var (place, _, records) in read.Where(source => source.Records.Count == 0))
            throw new PeftException($"{place}: the training split is empty; there is nothing to learn from. Add records, or split the dataset again.");
        var hash = string.Join('+', read.Select(source => HashOf(source.Snapshot, source.Records)));
        if (read.Length == 1)
            return (Single(read[0].Records, task), hash);
        if (arguments.Packing)
            throw new PeftException("packing: records of mixed datasets cannot share rows, since their weights count records. Leave packing off.");
        if (mixed.Any(other => other.Weight is not (> 0 and < double.PositiveInfinity)) || request.DatasetWeight is not (> 0 and < double.PositiveInfinity))
            throw new PeftException("mix: every weight must be a number above 0.");
        var weights = mixed.Select(other => other.Weight).Prepend(request.DatasetWeight).ToArray();
        var lists = read.Select(source => source.Records).ToArray();
        if (streams.Count > 0)
            return (new MixedSplit(new StreamedSplit(task, new JoinedRecords(lists), "train"), [.. lists.Select(list => list.Count)], weights), Combined(hash, weights));
        var splits = lists.Select(list => Encoded(task, list)).ToArray();
        return (new MixedSplit(splits.Aggregate((all, next) => all.Join(next)), [.. splits.Select(split => split.Count)], weights), Combined(hash, weights));
    }

    /// <summary>The same datasets with other weights are other data: a checkpoint does not go on with them.</summary>
    private static string Combined(string hash, double[] weights) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{hash} {string.Join(' ', weights.Select(weight => weight.ToString("R", System.Globalization.CultureInfo.InvariantCulture)))}")));

    private TaskSplit Single(IReadOnlyList<IDataRecord> records, TrainingTask task)
    {
        if (records is RecordStream)
            return new StreamedSplit(task, records, "train");
        var encoded = Encoded(task, records);
        return task.Setting.Arguments.Packing ? task.Pack(encoded) : encoded;
    }

    private static TaskSplit Encoded(TrainingTask task, IReadOnlyList<IDataRecord> records)
    {
        var encoded = task.Encode(records, "train");
        return encoded.Count > 0
            ? encoded
            : throw new PeftException($"max_length: no training record fits into {task.Setting.Arguments.MaxLength} tokens. Raise max_length or choose another cut policy.");
    }

    private static string HashOf(DatasetSnapshot snapshot, IReadOnlyList<IDataRecord> records) => snapshot.Manifest?.Hash
        ?? (records as RecordStream)?.Hash
        ?? DatasetSnapshot.Hash(new Dictionary<string, IReadOnlyList<IDataRecord>> { ["train"] = records });

    private IReadOnlyList<IDataRecord> Records(DatasetSnapshot snapshot, TrainingTask task, Action<int, int>? progress)
    {
        var mode = task.Setting.Arguments.Streaming;
        var file = mode == "off" || !task.CanStream(snapshot.Kind) ? null : snapshot.LinesFile("train");
        if (mode == "on" && file is null)
            throw new PeftException($"streaming: only instructions, conversations and texts with one record a line can be read while training; this data is of kind {snapshot.Kind.Name()}. Set streaming to auto.");
        if (file is null || (mode == "auto" && (task.Setting.Arguments.Packing || new FileInfo(file).Length < LargeFile)))
            return task.Read(snapshot, "train");
        var last = -1;
        var stream = new RecordStream(
            LineIndex.Build(file, (done, all) =>
            {
                var percent = (int)(100 * done / Math.Max(1, all));
                if (percent / 10 != last / 10 || last < 0)
                    progress?.Invoke(last = percent, 100);
            }),
            snapshot.Kind);
        streams.Add(stream);
        if (snapshot.Manifest?.Counts.TryGetValue("train", out var count) == true && count != stream.Count)
            throw new PeftException($"{file}: {stream.Count} records, but {DatasetSnapshot.ManifestFile} says {count}: the snapshot was changed or damaged. Make a new one.");
        Check(stream);
        return stream;
    }

    /// <summary>Looks through all rows while training has begun already, so that an unusable one ends the run soon and not in its last hour.</summary>
    private void Check(RecordStream stream)
    {
        var thread = new Thread(() =>
        {
            try
            {
                stream.Check(checking.Token);
            }
            catch (OperationCanceledException)
            {
                // The run has ended before.
            }
            catch (PeftException e)
            {
                stream.Problem = e;
            }
        })
        {
            IsBackground = true,
            Priority = ThreadPriority.BelowNormal,
            Name = "data check",
        };
        checks.Add(thread);
        thread.Start();
    }
}
