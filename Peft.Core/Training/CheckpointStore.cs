using System.Globalization;
using System.Text.Json;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using Peft.Core.Training.Optimizers;
using static TorchSharp.torch;

namespace Peft.Core.Training;

/// <summary>What a checkpoint says in <c>trainer_state.json</c>; the data cursor is the step, since the order follows from the seed.</summary>
public sealed record TrainerProgress
{
    /// <summary>Optimizer steps made.</summary>
    public int Step { get; init; }

    /// <summary>Tokens without padding so far.</summary>
    public long Tokens { get; init; }

    /// <summary>Training seconds so far.</summary>
    public double Seconds { get; init; }

    /// <summary>Lowest dev loss so far.</summary>
    public double? BestEvalLoss { get; init; }

    /// <summary>Step of the last evaluation.</summary>
    public int LastEvalStep { get; init; }

    /// <summary>The evaluation that the metric of the run calls the best so far; null before the first.</summary>
    public BestEvaluation? Best { get; init; }

    /// <summary>Evaluations since then.</summary>
    public int EvaluationsWithoutProgress { get; init; }

    /// <summary>What a schedule that looks at evaluations has seen; null for the others.</summary>
    public PlateauState? Plateau { get; init; }

    /// <summary>Hash of the data the run learns from; a checkpoint does not go on with other data.</summary>
    public string DataHash { get; init; } = "";
}

/// <summary>An evaluation that was the best of its run.</summary>
/// <param name="Step">Optimizer steps made by then.</param>
/// <param name="Value">What the metric was.</param>
/// <param name="Loss">The dev loss.</param>
/// <param name="Kept">Whether its weights are the run's result, so that its checkpoint stays.</param>
public sealed record BestEvaluation(int Step, double Value, double Loss, bool Kept);

/// <summary>
/// Complete checkpoints under <c>checkpoints/&lt;step&gt;</c>: trained tensors, optimizer moments, random generator, progress. Each is
/// written aside and renamed, so that it exists completely or not at all; older ones go when a newer is complete.
/// </summary>
public static class CheckpointStore
{
    private const string StateFile = "trainer_state.json";
    private const string AdapterFile = "adapter_state.safetensors";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string RandomFile = "rng_state.safetensors";

    /// <summary>Writes a checkpoint and removes older ones beyond the limit.</summary>
    /// <returns>Its folder and size in bytes.</returns>
    /// <exception cref="PeftException">The disk is full or refuses; earlier checkpoints are untouched and nothing of the new one is left.</exception>
    public static (string Path, long Bytes) Write(RunPaths paths, PeftAdapter adapter, TrainingLoop loop, TrainerProgress progress, int keep)
    {
        ArgumentNullException.ThrowIfNull(loop);
        return Write(paths, adapter, loop.Optimizer, progress with { Plateau = loop.Rates.State }, keep);
    }

    /// <summary>Writes a checkpoint of whatever loop owns the optimizer; see the other overload.</summary>
    /// <returns>Its folder and size in bytes.</returns>
    /// <exception cref="PeftException">The disk is full or refuses; earlier checkpoints are untouched and nothing of the new one is left.</exception>
    public static (string Path, long Bytes) Write(RunPaths paths, PeftAdapter adapter, TrainingOptimizer optimizer, TrainerProgress progress, int keep)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(progress);
        var folder = paths.Checkpoint(progress.Step);
        try
        {
            AtomicFolder.Write(folder, aside =>
            {
                SafetensorsWriter.Write(Path.Combine(aside, AdapterFile), [.. adapter.Trainable, .. adapter.Memory]);
                SafetensorsWriter.Write(Path.Combine(aside, OptimizerFile), optimizer.State());
                using var random = get_rng_state();
                SafetensorsWriter.Write(Path.Combine(aside, RandomFile), [new NamedParameter("cpu", random)]);
                File.WriteAllBytes(Path.Combine(aside, StateFile), JsonSerializer.SerializeToUtf8Bytes(progress, RunRequest.Json));
            });
        }
        catch (PeftException e) when (e.InnerException is IOException or UnauthorizedAccessException)
        {
            throw AtomicFolder.Refused(folder, e.InnerException);
        }

        var best = progress.Best is { Kept: true, Step: var step } ? paths.Checkpoint(step) : null;
        foreach (var old in Directory.EnumerateDirectories(paths.Checkpoints).Where(IsStep).OrderDescending(StringComparer.Ordinal).Skip(Math.Max(1, keep)).Where(old => old != best))
            Directory.Delete(old, recursive: true);
        return (folder, Directory.EnumerateFiles(folder).Sum(file => new FileInfo(file).Length));
    }

    /// <summary>Puts the trained tensors of a checkpoint back, and nothing else: they are the result.</summary>
    /// <exception cref="PeftException">Missing or damaged file, or a checkpoint of other settings.</exception>
    public static void RestoreWeights(string folder, PeftAdapter adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Path.Combine(folder, AdapterFile));
        var state = file.Names.ToDictionary(name => name, file.Tensor, StringComparer.Ordinal);
        adapter.LoadState(state);
        adapter.LoadMemory(state);
    }

    /// <summary>Puts checkpoints of a run that went wrong out of the way, so that it goes on from an earlier one.</summary>
    /// <param name="paths">The run directory.</param>
    /// <param name="fromStep">The step at which trouble began; checkpoints from there on are put aside.</param>
    /// <returns>The step of the newest checkpoint that is left; null when all are from then and so were left in place.</returns>
    public static int? SetAside(RunPaths paths, int fromStep)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (!Directory.Exists(paths.Checkpoints))
            return null;
        var all = Directory.EnumerateDirectories(paths.Checkpoints).Where(IsStep).ToLookup(folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture) >= fromStep);
        if (!all[false].Any())
            return null;
        foreach (var folder in all[true])
        {
            var aside = Path.Combine(paths.Checkpoints, "set-aside-" + Path.GetFileName(folder));
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            Directory.Move(folder, aside);
        }

        return all[false].Max(folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture));
    }

    /// <summary>Reads a checkpoint's progress.</summary>
    /// <exception cref="PeftException">Missing or damaged file.</exception>
    public static TrainerProgress ReadProgress(string folder)
    {
        var file = Path.Combine(folder, StateFile);
        try
        {
            return JsonSerializer.Deserialize<TrainerProgress>(File.ReadAllBytes(file), RunRequest.Json) ?? throw new PeftException($"{file}: the file says null.");
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new PeftException($"{file}: this checkpoint cannot be read: {e.Message} Delete its folder to go on from an earlier one.", e);
        }
    }

    /// <summary>Puts tensors, moments and the random generator back.</summary>
    /// <exception cref="PeftException">Missing or damaged file, or a checkpoint of other settings.</exception>
    public static TrainerProgress Restore(string folder, PeftAdapter adapter, TrainingLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        var progress = Restore(folder, adapter, loop.Optimizer);
        loop.Step = progress.Step;
        loop.Rates.State = progress.Plateau;
        return progress;
    }

    /// <summary>Puts tensors, moments and the random generator back; the loop's step is the progress'.</summary>
    /// <exception cref="PeftException">Missing or damaged file, or a checkpoint of other settings.</exception>
    public static TrainerProgress Restore(string folder, PeftAdapter adapter, TrainingOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(optimizer);
        var progress = ReadProgress(folder);
        using var scope = NewDisposeScope();
        using (var file = SafetensorsFile.Open(Path.Combine(folder, AdapterFile)))
        {
            var state = file.Names.ToDictionary(name => name, file.Tensor, StringComparer.Ordinal);
            adapter.LoadState(state);
            adapter.LoadMemory(state);
        }

        using (var file = SafetensorsFile.Open(Path.Combine(folder, OptimizerFile)))
            optimizer.LoadState(name => file.Contains(name) ? file.Tensor(name) : null, progress.Step);
        using (var file = SafetensorsFile.Open(Path.Combine(folder, RandomFile)))
        using (var random = file.Tensor("cpu").clone())
            set_rng_state(random);
        return progress;
    }

    private static bool IsStep(string folder) => int.TryParse(Path.GetFileName(folder), out _);
}
