using System.Globalization;
using Peft.Core.Runs;
using Peft.Core.Runtime;

namespace Peft.Core.Training;

/// <summary>A rate that was tried.</summary>
/// <param name="LearningRate">The rate.</param>
/// <param name="Loss">Training loss of the step.</param>
/// <param name="Smooth">The loss smoothed over the steps before.</param>
public sealed record TriedRate(double LearningRate, double Loss, double Smooth);

/// <summary>What a search found.</summary>
/// <param name="Tried">Every step, rates rising.</param>
/// <param name="Suggested">A rate to train with; null where the loss never fell.</param>
/// <param name="Diverged">The rate at which the loss left its best far behind; null where it did not.</param>
public sealed record FoundRate(IReadOnlyList<TriedRate> Tried, double? Suggested, double? Diverged);

/// <summary>
/// Searches a learning rate (Smith, arXiv:1506.01186): one short training whose rate rises from step to step by the same factor. Where the
/// loss falls fastest the rate is good; where it explodes it is too large. Nothing is written.
/// </summary>
public static class LearningRateFinder
{
    /// <summary>Steps of a search where nothing else is asked for.</summary>
    public const int UsualSteps = 60;

    private const double Memory = 0.8;
    private const double TooFar = 2;
    private const int Fewest = 10;
    private const int Reach = 3;
    private const double LeastFall = 0.98;

    /// <summary>Searches for the run of an order.</summary>
    /// <param name="paths">The run directory, against which paths are resolved; it need not exist.</param>
    /// <param name="request">The order.</param>
    /// <param name="steps">Steps to try.</param>
    /// <param name="from">Smallest rate.</param>
    /// <param name="to">Largest rate.</param>
    /// <param name="observe">Sees every step as it was made.</param>
    /// <param name="cancellation">Ends the search between two steps.</param>
    /// <exception cref="PeftException">A bad order, or one that trains nothing.</exception>
    public static FoundRate Find(
        RunPaths paths, RunRequest request, int steps = UsualSteps, double from = 1e-6, double to = 1, Action<TriedRate>? observe = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!(from > 0 && to > from && steps >= Fewest))
            throw new PeftException($"The search needs rates 0 < from < to and at least {Fewest} steps, but has from {from}, to {to}, {steps} steps.");
        using var setup = RunSetup.Open(paths, request with { Evaluation = request.Evaluation with { MaxRecords = 0 } });
        if (setup is not { Adapter: { } adapter, Train: { } train })
            throw new PeftException("A baseline trains nothing, so there is no learning rate to find.");
        var arguments = setup.Arguments with { MaxSteps = steps, LrSchedulerType = "constant", LrSchedulerKwargs = [], WarmupSteps = 0, WarmupRatio = 0 };
        double Rate(int step) => from * Math.Pow(to / from, step / (double)(steps - 1));
        using var loop = new TrainingLoop(setup.Model, adapter, train, arguments) { Rates = LearningRates.Of(Rate) };
        var tried = new List<TriedRate>();
        var (mean, best) = (0.0, double.PositiveInfinity);
        while (loop.Step < steps && !cancellation.IsCancellationRequested)
        {
            StepReport step;
            try
            {
                step = loop.TrainStep();
            }
            catch (DivergenceException)
            {
                return Judge(tried, Rate(loop.Step));
            }

            mean = (Memory * mean) + ((1 - Memory) * step.Loss);
            tried.Add(new TriedRate(step.LearningRate, step.Loss, mean / (1 - Math.Pow(Memory, step.Step))));
            observe?.Invoke(tried[^1]);
            best = Math.Min(best, tried[^1].Smooth);
            if (step.Step > Fewest && tried[^1].Smooth > TooFar * best)
                return Judge(tried, step.LearningRate);
        }

        return Judge(tried, null);
    }

    /// <summary>The rate where the smoothed loss falls fastest over the logarithm of the rate, but not close to where it is lowest.</summary>
    internal static FoundRate Judge(IReadOnlyList<TriedRate> tried, double? diverged)
    {
        if (tried.Count < Fewest)
            return new FoundRate(tried, null, diverged);
        var lowest = Enumerable.Range(0, tried.Count).MinBy(i => tried[i].Smooth);
        if (lowest < 2 * Reach || tried[lowest].Smooth > LeastFall * tried[0].Smooth)
            return new FoundRate(tried, null, diverged);
        var steepest = Enumerable.Range(Reach, lowest - (2 * Reach) + 1).MinBy(i => tried[i + Reach].Smooth - tried[i - Reach].Smooth);

        // At the lowest point the loss is about to rise: a third of it is the most that is wise.
        var rate = Math.Min(tried[steepest].LearningRate, tried[lowest].LearningRate / 3);
        var digits = rate.ToString("E1", CultureInfo.InvariantCulture);
        return new FoundRate(tried, double.Parse(digits, CultureInfo.InvariantCulture), diverged);
    }
}
