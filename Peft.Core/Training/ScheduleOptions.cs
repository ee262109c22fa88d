namespace Peft.Core.Training;

/// <summary>What shapes a schedule besides warm-up and length, named as the <c>lr_scheduler_kwargs</c> of transformers; null is its default.</summary>
/// <param name="NumCycles">Waves of a cosine (default 0.5: one half-wave down), or restarts (default 1).</param>
/// <param name="Power">Exponent of polynomial (default 1).</param>
/// <param name="LrEnd">Rate at which polynomial ends (default 1e-7).</param>
/// <param name="MinLr">Rate at which a cosine ends.</param>
/// <param name="MinLrRate">The same as a share of the peak; one of both.</param>
/// <param name="WarmupLrRate">Share of the peak with which cosine_warmup_with_min_lr starts.</param>
/// <param name="NumDecaySteps">Steps of falling rate in warmup_stable_decay.</param>
/// <param name="NumStableSteps">Its steps at the peak (default: what warm-up and decay leave).</param>
/// <param name="MinLrRatio">Share of the peak at which it starts and ends (default 0).</param>
/// <param name="WarmupType">linear (default), cosine or 1-sqrt.</param>
/// <param name="DecayType">linear, cosine (default) or 1-sqrt.</param>
public sealed record ScheduleOptions(
    double? NumCycles = null,
    double? Power = null,
    double? LrEnd = null,
    double? MinLr = null,
    double? MinLrRate = null,
    double? WarmupLrRate = null,
    int? NumDecaySteps = null,
    int? NumStableSteps = null,
    double? MinLrRatio = null,
    string? WarmupType = null,
    string? DecayType = null);
